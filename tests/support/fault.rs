//! A compiled module with one fault in it.

/// The same module, but whoever calls the function that it exports under this name meets a trap.
///
/// # Panics
/// If there is no such function.
pub fn trapping(mut module: Vec<u8>, export: &str) -> Vec<u8> {
    let (start, end) = code_of(&module, export);
    // `unreachable`, and nothing after it; the function stays as long as it was.
    module[start] = 0x00;
    module[start + 1..end - 1].fill(0x01);
    module
}

/// Where the instructions of the export are, from behind its locals to behind its `end`.
fn code_of(module: &[u8], export: &str) -> (usize, usize) {
    let (mut imported, mut function, mut code) = (0, None, None);
    let mut at = 8;
    while at < module.len() {
        let id = module[at];
        at += 1;
        let length = number(module, &mut at);
        let end = at + length;
        match id {
            // Imports come before the module's own functions, and are counted with them.
            2 => {
                for _ in 0..number(module, &mut at) {
                    for _ in 0..2 {
                        let length = number(module, &mut at);
                        at += length;
                    }
                    let kind = module[at];
                    // A tag, which the Worker's module imports too, has an attribute before its type.
                    at += if kind == 4 { 2 } else { 1 };
                    assert!(kind == 0 || kind == 4, "functions and tags alone are imported");
                    number(module, &mut at);
                    imported += usize::from(kind == 0);
                }
            }
            7 => {
                for _ in 0..number(module, &mut at) {
                    let length = number(module, &mut at);
                    let name = &module[at..at + length];
                    at += length + 1;
                    let index = number(module, &mut at);
                    if name == export.as_bytes() {
                        function = Some(index);
                    }
                }
            }
            10 => code = Some(at),
            _ => {}
        }
        at = end;
    }
    let (function, mut at) = (function.expect("the export"), code.expect("code"));
    number(module, &mut at);
    for _ in imported..function {
        let length = number(module, &mut at);
        at += length;
    }
    let length = number(module, &mut at);
    let end = at + length;
    for _ in 0..number(module, &mut at) {
        number(module, &mut at);
        at += 1;
    }
    (at, end)
}

/// An unsigned LEB128.
fn number(module: &[u8], at: &mut usize) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = module[*at];
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}
