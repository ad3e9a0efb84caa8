//! Background removal: an image in, and what its `Face` makes of it out.
//!
//! Our own face is `POST /v1/background-removal`: a PNG or WebP with alpha, or the alpha alone. Those of
//! other APIs are in `faces/`; they read other parameters and write other answers, and nothing else.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use filter::body::Fields;
use filter::{Claims, KeyRing, PermitId, hex};
use image::DynamicImage;

use super::Node;
use super::codec;
use super::error::ApiError;
use super::work::Worked;
use crate::engine::Engine;
use crate::image::encode::{self, Encoding};
use crate::image::finish::{Finish, Finished};
use crate::models::background::matting::{self, Thresholds};
use crate::models::background::{BackgroundRemoval, Photo, Shape, Wanted, refined};

/// The models that remove backgrounds, each by its name; the first is the one where none is asked for.
pub struct Models {
    first: Named,
    others: Vec<Named>,
}

type Named = (&'static str, Arc<Engine<BackgroundRemoval>>);

/// One of the [`Models`] of a node: by default the first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Chosen(usize);

impl Models {
    /// Those models.
    pub fn new(first: Named, others: Vec<Named>) -> Self {
        Self { first, others }
    }

    /// Their engines.
    pub fn engines(&self) -> impl Iterator<Item = &Arc<Engine<BackgroundRemoval>>> {
        self.all().map(|(_, engine)| engine)
    }

    /// Their names, as people read a list.
    pub fn names(&self) -> String {
        self.all().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn all(&self) -> impl Iterator<Item = &Named> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn chosen(&self, name: Option<&str>) -> Option<Chosen> {
        let is_it = |(known, _): &Named| name.is_none_or(|name| name == *known);
        self.all().position(is_it).map(Chosen)
    }

    fn engine(&self, Chosen(number): Chosen) -> &Engine<BackgroundRemoval> {
        let (_, engine) = self.all().nth(number).unwrap_or(&self.first);
        engine
    }
}

/// How one API asks for background removal, and how it is answered.
pub(crate) struct Face {
    /// Reads what is asked for.
    pub(crate) read: fn(&Asked<'_>) -> Result<Order, ApiError>,
    /// Writes the answer; what all answers have is added to it.
    pub(crate) write: fn(Finished, &Order) -> Response<Body>,
}

/// What a request asks with, beside its image.
pub(crate) struct Asked<'a> {
    /// The fields of its form.
    pub(crate) fields: &'a Fields,
    /// The parameters of its query.
    pub(crate) parameters: &'a Fields,
    /// Its header.
    pub(crate) headers: &'a HeaderMap,
    /// The models that run here.
    pub(crate) models: &'a Models,
}

impl<'a> Asked<'a> {
    /// A parameter, which may stand in the form or in the query.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&'a str>, ApiError> {
        match (self.fields.text(name), self.parameters.text(name)) {
            (Some(_), Some(_)) => Err(ApiError::Twice(name)),
            (field, parameter) => Ok(field.or(parameter)),
        }
    }

    /// The model of this name; without a name the first of those that run here.
    pub(crate) fn model(&self, name: Option<&str>) -> Result<Chosen, ApiError> {
        self.models.chosen(name).ok_or_else(|| ApiError::OtherModel(self.models.names()))
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order {
    /// Which model.
    pub(crate) model: Chosen,
    /// Of it.
    pub(crate) wanted: Wanted,
    /// How its matte is refined, if it is.
    pub(crate) matting: Option<Thresholds>,
    /// Of the picture that it gives.
    pub(crate) finish: Finish,
    /// Whether the answer is JSON with the picture in it.
    pub(crate) json: bool,
}

/// `POST /v1/background-removal`.
pub(crate) async fn ours<K: KeyRing + Send + Sync + 'static>(
    State(node): State<Arc<Node<K>>>,
    request: Request,
) -> Response<Body> {
    answer(&Face { read: read_ours, write: write_picture }, &node, request).await
}

/// Takes the request through admission, model and encoding.
pub(crate) async fn answer<K: KeyRing>(
    face: &Face,
    node: &Node<K>,
    request: Request,
) -> Response<Body> {
    let headers = request.headers().clone();
    let (claims, body) = match node.open(request) {
        Ok(opened) => opened,
        Err(error) => return ApiError::from(error).reply_without_permit(),
    };
    cut_out(face, node, claims.clone(), &headers, body).await.unwrap_or_else(|error| {
        if let ApiError::Engine(cause) | ApiError::Run(cause) = &error {
            let request_id = hex::encode(&claims.id.0);
            tracing::warn!(%request_id, %cause, "the engine did not finish a job");
        }
        error.reply(&claims, node.dialect(&claims))
    })
}

async fn cut_out<K: KeyRing>(
    face: &Face,
    node: &Node<K>,
    claims: Claims,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let admitted = node.admit(claims, body).await?;
    let (id, models) = (admitted.claims.id, &node.background);
    let (fields, parameters) = (admitted.image.fields(), &admitted.parameters);
    let order = (face.read)(&Asked { fields, parameters, headers, models })?;
    if order.matting.is_some() {
        matting::check_size(admitted.image.dimensions())?;
    }
    // What is refined needs the photo once more, and its matte alone.
    let mut again = None;
    let photo = |image: DynamicImage| {
        again = order.matting.map(|thresholds| (image.clone(), thresholds));
        let shape = if again.is_some() { Shape::Mask } else { order.wanted.shape };
        Photo { image, wanted: Wanted { shape, ..order.wanted } }
    };
    let Worked { output, turn, took, mut stages, place } =
        node.work(models.engine(order.model), admitted, photo).await?;
    let picture = move || match again {
        None => Ok(output),
        Some((image, thresholds)) => {
            Ok(refined(&image, &output, order.wanted.backdrop, thresholds)?)
        }
    };
    let (finished, encoding) = codec::finish(&node.codec, picture, order.finish, turn).await?;
    let timing = format!("{}, encode;dur={:.1}", took.timing(), encoding.as_secs_f64() * 1000.0);
    node.metrics.stage("encode", encoding);
    stages.ended([("encode", encoding)]);
    drop(place);
    let mut response = with_common_fields((face.write)(finished, &order), id, &timing);
    response.extensions_mut().insert(stages);
    Ok(response)
}

/// What our form asks for; without a field `format`, `Accept` decides.
fn read_ours(asked: &Asked<'_>) -> Result<Order, ApiError> {
    let shape = match asked.fields.text("output") {
        None => Shape::default(),
        Some(name) => Shape::named(name)
            .ok_or(ApiError::Parameter { name: "output", expected: "cutout or mask" })?,
    };
    let encoding = match asked.fields.text("format") {
        None => encode::preferred(asked.headers.get_all(header::ACCEPT)),
        Some("png") => Encoding::Png,
        Some("webp") => Encoding::WebP,
        Some(_) => return Err(ApiError::Parameter { name: "format", expected: "png or webp" }),
    };
    Ok(Order {
        model: asked.model(asked.fields.text("model"))?,
        wanted: Wanted { shape, ..Wanted::default() },
        matting: None,
        finish: Finish { encoding, ..Finish::default() },
        json: false,
    })
}

/// The picture itself.
pub(crate) fn write_picture(finished: Finished, _: &Order) -> Response<Body> {
    let media_type = HeaderValue::from_static(finished.encoding.media_type());
    let mut response = Response::new(Body::from(finished.bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// What every answer has.
pub(super) fn with_common_fields(
    mut response: Response<Body>,
    id: PermitId,
    timing: &str,
) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [("x-request-id", hex::encode(&id.0).as_str()), ("server-timing", timing)]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}
