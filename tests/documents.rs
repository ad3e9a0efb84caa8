//! What the documents name exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const DOCUMENTS: [&str; 12] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/credentials.md",
    "docs/faces.md",
    "docs/images.md",
    "docs/operations.md",
    "edge/README.md",
    "envoy/README.md",
    "filter/fuzz/README.md",
    "tests/corpora/README.md",
    "tests/vectors/README.md",
];

/// Where the links of a text lead, within the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.filter(|link| !link.starts_with("http"))
}

/// Link targets, and words in backticks that are paths.
fn paths(text: &str) -> Vec<String> {
    // Without the place in the document.
    let links = links(text).filter_map(|link| link.split('#').next());
    let links = links.filter(|link| !link.is_empty()).map(str::to_owned);
    let ticked = text.split('`').skip(1).step_by(2).filter(|word| {
        let file =
            [".rs", ".json", ".toml", ".txt", ".yaml", ".md"].iter().any(|end| word.ends_with(end));
        // Neither what a deployment has, nor what a run leaves.
        let elsewhere = word.starts_with('/') || word.starts_with("target/");
        file && word.contains('/') && !word.contains(['~', ' ', '*']) && !elsewhere
    });
    links.chain(ticked.map(str::to_owned)).collect()
}

#[test]
fn every_path_in_the_documents_exists() {
    let mut checked = 0;
    for document in DOCUMENTS {
        let file = root().join(document);
        let text = std::fs::read_to_string(&file).unwrap();
        for path in paths(&text) {
            // Relative to the document, to the repository, or to the sources of the node.
            let places =
                [file.parent().unwrap().to_owned(), root(), root().join("inference-node/src")];
            assert!(places.iter().any(|place| place.join(&path).exists()), "{document}: {path}");
            checked += 1;
        }
    }
    assert!(checked > 25, "only {checked} paths were found");
}

/// The names by which links reach the headings of a document.
fn places(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let names = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept =
        |name: String| name.replace(|c: char| !c.is_alphanumeric() && c != ' ' && c != '-', "");
    names.map(|name| kept(name).replace(' ', "-")).collect()
}

#[test]
fn every_place_that_a_link_names_is_a_heading() {
    let mut checked = 0;
    for document in DOCUMENTS {
        let file = root().join(document);
        let text = std::fs::read_to_string(&file).unwrap();
        for (path, place) in links(&text).filter_map(|link| link.split_once('#')) {
            let named = if path.is_empty() { file.clone() } else { file.with_file_name(path) };
            let named = std::fs::read_to_string(named).unwrap();
            assert!(places(&named).contains(&place.to_owned()), "{document}: {path}#{place}");
            checked += 1;
        }
    }
    assert!(checked > 5, "only {checked} places were found");
}

#[test]
fn every_target_of_make_in_the_readme_exists() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let lines = readme.lines().filter_map(|line| line.strip_prefix("make "));
    let targets: Vec<_> = lines.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(targets, ["run", "test"]);
    for target in targets {
        assert!(makefile.contains(&format!("\n{target}: ")), "make {target}");
    }
}

/// The codes in a source with a table of statuses and codes.
fn codes_of(source: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(source)).unwrap();
    let codes = text.split("S::").skip(1).filter_map(|rest| rest.split('"').nth(1));
    codes.map(str::to_owned).collect()
}

/// The codes in the tables of a document, as often as they stand there.
fn documented_in(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let (_, tables) = text.split_once("\n## Codes\n").unwrap();
    let cells = tables.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_code_of_a_refusal_is_documented_once() {
    let mut codes = codes_of("filter/src/rejection/outcome.rs");
    codes.extend(codes_of("filter/src/rejection/fault.rs"));
    codes.extend(codes_of("inference-node/src/api/error.rs"));
    assert!(codes.len() > 80, "only {} codes were found", codes.len());
    let mut documented =
        [documented_in("docs/credentials.md"), documented_in("docs/images.md")].concat();
    documented.retain(|code| !code.is_empty());
    documented.sort_unstable();
    assert_eq!(documented, codes.into_iter().collect::<Vec<_>>());
}
