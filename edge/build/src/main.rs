//! Binds the Worker's module to JavaScript: `edge-build MODULE.wasm FOLDER [ENTRY.js]`.
//!
//! This is the step that `wasm-bindgen` the program does, as a library of crates.io, and the entry that the
//! platform calls. The rest of the build is `scripts/worker`.

use std::path::Path;
use std::{env, fs, process};

use wasm_bindgen_cli_support::Bindgen;

/// What the platform calls; `OBJECTS` becomes the Durable Object classes.
const ENTRY: &str = include_str!("entry.js");

type Error = Box<dyn std::error::Error>;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let (module, folder, entry) = match &arguments[..] {
        [module, folder] => (module, folder, None),
        [module, folder, entry] => (module, folder, Some(entry.as_ref())),
        _ => {
            eprintln!("usage: edge-build MODULE.wasm FOLDER [ENTRY.js]");
            process::exit(64);
        }
    };
    if let Err(error) = bind(module.as_ref(), folder.as_ref(), entry) {
        eprintln!("edge-build: {error}");
        process::exit(1);
    }
}

fn bind(module: &Path, folder: &Path, entry: Option<&Path>) -> Result<(), Error> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("index").typescript(false).module(true)?;
    // A module that trapped is begun anew.
    bindgen.reset_state_function(true).force_enable_abort_handler(true);
    bindgen.generate(folder).map_err(|error| format!("{error:#}"))?;

    let index = folder.join("index.js");
    // In workerd, what is imported of a Wasm file is a module already.
    let bound = fs::read_to_string(&index)?.replace("import source ", "import ");
    if let Some(entry) = entry {
        fs::write(&index, bound)?;
        fs::copy(entry, folder.join("entry.js"))?;
        return Ok(());
    }
    let objects: Vec<_> = bound.lines().filter_map(durable_object).collect();
    if objects.is_empty() {
        return Err("the module exports no Durable Object".into());
    }
    fs::write(&index, &bound)?;
    fs::write(folder.join("entry.js"), ENTRY.replace("// OBJECTS\n", &objects.concat()))?;
    Ok(())
}

/// The class that the platform is shown for an exported one.
fn durable_object(line: &str) -> Option<String> {
    let name = line.strip_prefix("export class ")?.split([' ', '{']).next()?;
    let is_one = name.ends_with("Object");
    is_one.then(|| format!("export class {name} extends objectOf(\"{name}\") {{}}\n"))
}
