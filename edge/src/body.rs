//! The body of a request, as far as it must be looked at.

use js_sys::{Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// How much is read at once. A default reader of workerd gives 4 KiB, and costs three times as much.
const VIEW: u32 = 64 * 1024;

// Not all of it is in `web-sys` without unstable features.
#[wasm_bindgen]
extern "C" {
    type ByobStream;
    #[wasm_bindgen(method, js_name = getReader, catch)]
    fn reader(this: &ByobStream, options: &JsValue) -> Result<ByobReader, JsValue>;

    type ByobReader;
    #[wasm_bindgen(method, catch)]
    fn read(this: &ByobReader, view: &Uint8Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, js_name = releaseLock, catch)]
    fn release_lock(this: &ByobReader) -> Result<(), JsValue>;

    type Piece;
    #[wasm_bindgen(method, getter)]
    fn done(this: &Piece) -> bool;
    #[wasm_bindgen(method, getter)]
    fn value(this: &Piece) -> Option<Uint8Array>;
}

/// A body from which pieces are taken until the rest can be piped on. Nothing is made for one that nobody
/// looks at.
pub(crate) struct Body<'a> {
    request: &'a web_sys::Request,
    reader: Option<ByobReader>,
    /// A read that has begun; it outlives whoever stops waiting for it.
    pending: Option<JsFuture>,
}

impl<'a> Body<'a> {
    /// The body of `request`; an empty one if it has none.
    pub(crate) fn of(request: &'a web_sys::Request) -> Self {
        Self { request, reader: None, pending: None }
    }

    /// The next piece; `None` at the end. If it is dropped before it is done, nothing is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, JsValue> {
        if self.reader.is_none() {
            self.reader = self.request.body().as_ref().map(reader).transpose()?;
        }
        let Some(reader) = &self.reader else { return Ok(None) };
        loop {
            let pending = match &mut self.pending {
                Some(pending) => pending,
                none => {
                    let read = reader.read(&Uint8Array::new_with_length(VIEW))?;
                    none.insert(JsFuture::from(read))
                }
            };
            let piece = pending.await;
            self.pending = None;
            let piece: Piece = piece?.unchecked_into();
            let bytes = piece.value().map(|bytes| bytes.to_vec()).unwrap_or_default();
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
            if piece.done() {
                return Ok(None);
            }
        }
    }

    /// What is left, to be piped.
    pub(crate) fn rest(self) -> Result<Option<web_sys::ReadableStream>, JsValue> {
        if let Some(reader) = self.reader {
            reader.release_lock()?;
        }
        Ok(self.request.body())
    }
}

fn reader(stream: &web_sys::ReadableStream) -> Result<ByobReader, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"mode".into(), &"byob".into())?;
    stream.unchecked_ref::<ByobStream>().reader(&options)
}
