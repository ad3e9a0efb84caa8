//! What we read on pages and photos against what `RapidOCR` 1.4.4 reads, on the same weights.
//!
//! The reference is made afresh by `RapidOCR` itself, in a Python environment with `tests/reference/requirements.txt`
//! installed, whose interpreter `LUNETTE_TEST_PYTHON` names. The weights are those that `lunette models fetch ppocr`
//! brought to the cache; `RapidOCR` gets the files that they were converted from.

#![expect(
    clippy::print_stdout,
    reason = "how close the two are is worth seeing, also when it is close enough"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use candle_core::{DType, Tensor};
use inference_node::models::{
    cache::Cache,
    layers::{Compute, Workplace},
    text::{
        Line, TextReading, characters::Characters, classifier::Classifier, detector::Detector,
        recogniser::Recogniser,
    },
    weights::{ModelCard, Weights, card},
};
use kernels::Kernel;
use serde::Deserialize;

/// A box is the same if the two have so much of their union in common ...
const SAME_BOX: f64 = 0.9;
/// ... and so many of all boxes are to be the same.
const BOXES: f64 = 0.98;
/// So many of all characters are to be the same.
const CHARACTERS: f64 = 0.995;
/// How far a probability may be off.
const PROBABILITY: f32 = 1e-3;

/// Pages that the reference must write, so that the test cannot pass on fewer.
const PAGES: usize = 40;

#[derive(Deserialize)]
struct Theirs {
    #[serde(rename = "box")]
    corners: [[f32; 2]; 4],
    text: String,
}

#[test]
fn pages_and_photos_read_as_rapidocr_reads_them() {
    let (cache, card) = weights();
    let model = TextReading::load(card, &cache.safetensors(card), &Workplace::new(&Compute::cpu()))
        .unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reference(["pages".as_ref(), folder]);
    reference(["read".as_ref(), cache.folder(), folder]);

    let mut pages: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    pages.sort();
    assert!(pages.len() >= PAGES, "the reference wrote {} pages", pages.len());

    let (mut boxes, mut same_boxes, mut characters, mut wrong) = (0, 0, 0, 0);
    for page in &pages {
        let theirs: Vec<Theirs> =
            serde_json::from_slice(&fs::read(page.with_extension("json")).unwrap()).unwrap();
        let ours = model.read(&image::open(page).unwrap()).unwrap().lines;
        let (matched, mistakes) = compare(&ours, &theirs);
        let most = ours.len().max(theirs.len());
        let all: usize = theirs.iter().map(|line| line.text.chars().count()).sum();
        let name = page.file_stem().unwrap().to_string_lossy();
        println!(
            "{name:20} boxes {matched:3} of {most:3}, characters wrong {mistakes:3} of {all:4}"
        );
        boxes += most;
        same_boxes += matched;
        characters += all;
        wrong += mistakes;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let share = |part: usize, all: usize| part as f64 / all as f64;
    let (same, right) =
        (share(same_boxes, boxes), share(characters.saturating_sub(wrong), characters));
    println!(
        "boxes {:.2} % of {boxes}, characters {:.2} % of {characters}",
        100.0 * same,
        100.0 * right
    );
    assert!(boxes > 200 && characters > 2000, "the pages are nearly empty");
    assert!(same >= BOXES, "{same_boxes} of {boxes} boxes are the same");
    assert!(right >= CHARACTERS, "{wrong} of {characters} characters are wrong");
}

#[test]
fn every_network_gives_what_onnx_runtime_gives() {
    let (cache, card) = weights();
    let folder = tempfile::tempdir().unwrap();
    reference(["networks".as_ref(), cache.folder(), folder.path()]);
    let read = |name: &str| Tensor::read_npy(folder.path().join(name)).unwrap();
    for kernel in Kernel::all() {
        let place = Workplace::new(&Compute { kernel, ..Compute::cpu() });
        let weights = Weights::load(card, &cache.safetensors(card)).unwrap();
        let tensors = weights.into_tensors(&Compute::cpu()).unwrap();
        let list =
            tensors.get_unchecked_dtype("characters", DType::U8).unwrap().to_vec1::<u8>().unwrap();
        let classes = Characters::parse(&list).unwrap().classes();
        let detector = Detector::new(&place, tensors.pp("detector")).unwrap();
        let ours = detector.forward(&read("detector.input.npy")).unwrap();
        let difference = most(&(ours - read("detector.output.npy")).unwrap());
        println!("detector   {kernel:8} {difference:.1e}");
        assert!(difference <= PROBABILITY, "the detector on {kernel}: {difference}");

        let classifier = Classifier::new(&place, tensors.pp("classifier")).unwrap();
        let ours = classifier.forward(&read("classifier.input.npy")).unwrap();
        let difference = most(&(ours - read("classifier.output.npy")).unwrap());
        println!("classifier {kernel:8} {difference:.1e}");
        assert!(difference <= PROBABILITY, "the classifier on {kernel}: {difference}");

        let recogniser = Recogniser::new(classes, &place, tensors.pp("recogniser")).unwrap();
        let ours = recogniser.forward(&read("recogniser.input.npy")).unwrap();
        let theirs = read("recogniser.output.npy").to_vec3::<f32>().unwrap();
        let mut difference = 0.0_f32;
        assert_eq!((ours.len(), ours[0].len()), (theirs.len(), theirs[0].len()));
        for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
            // Also where two classes are as good as equal, theirs has the probability of ours.
            difference = difference.max((ours.probability - theirs[ours.class]).abs());
            let likeliest = theirs.iter().copied().fold(0.0, f32::max);
            assert!(ours.probability >= likeliest - PROBABILITY, "the recogniser on {kernel}");
        }
        println!("recogniser {kernel:8} {difference:.1e}");
        assert!(difference <= PROBABILITY, "the recogniser on {kernel}: {difference}");
    }
}

fn weights() -> (Cache, &'static ModelCard) {
    let cache = Cache::of_user(|name| env::var_os(name)).expect("HOME or LUNETTE_MODELS is set");
    let card = card("ppocr").expect("the catalogue has it");
    for original in card.originals {
        let path = cache.original(original);
        assert!(
            path.is_file(),
            "{} is not there: RapidOCR needs the files that the weights were converted from; remove the safetensors \
             file beside it, then `lunette models fetch ppocr` brings them all",
            path.display()
        );
    }
    (cache, card)
}

/// How many boxes are the same, and how many characters of `theirs` are missing or wrong, or too many in ours.
fn compare(ours: &[Line], theirs: &[Theirs]) -> (usize, usize) {
    let mut left: Vec<&Line> = ours.iter().collect();
    let (mut matched, mut mistakes) = (0, 0);
    for line in theirs {
        let best = (0..left.len())
            .map(|index| (index, common(&left[index].corners, &line.corners)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((index, share)) if share >= SAME_BOX => {
                matched += 1;
                mistakes += edits(&left.remove(index).text, &line.text);
            }
            _ => mistakes += line.text.chars().count(),
        }
    }
    mistakes += left.iter().map(|line| line.text.chars().count()).sum::<usize>();
    (matched, mistakes)
}

/// The least number of characters to insert, remove or replace (Levenshtein).
fn edits(ours: &str, theirs: &str) -> usize {
    let theirs: Vec<char> = theirs.chars().collect();
    let mut row: Vec<usize> = (0..=theirs.len()).collect();
    for (index, ours) in ours.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, theirs) in theirs.iter().enumerate() {
            let replaced = diagonal + usize::from(ours != *theirs);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[theirs.len()]
}

/// Intersection over union of two convex quadrilaterals.
fn common(ours: &[[f32; 2]; 4], theirs: &[[f32; 2]; 4]) -> f64 {
    let points = |corners: &[[f32; 2]; 4]| corners.map(|corner| corner.map(f64::from)).to_vec();
    let (ours, theirs) = (points(ours), points(theirs));
    // Sutherland and Hodgman: cut ours off at each edge of theirs.
    let side = |edge: ([f64; 2], [f64; 2]), point: [f64; 2]| {
        let (a, b) = edge;
        (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
    };
    let mut inside = ours.clone();
    for index in 0..4 {
        let edge = (theirs[index], theirs[(index + 1) % 4]);
        let mut kept = Vec::new();
        for (number, &point) in inside.iter().enumerate() {
            let next = inside[(number + 1) % inside.len()];
            let (here, there) = (side(edge, point), side(edge, next));
            if here >= 0.0 {
                kept.push(point);
            }
            if (here >= 0.0) != (there >= 0.0) {
                let share = here / (here - there);
                kept.push([
                    point[0] + share * (next[0] - point[0]),
                    point[1] + share * (next[1] - point[1]),
                ]);
            }
        }
        inside = kept;
    }
    let both = area(&inside);
    both / (area(&ours) + area(&theirs) - both)
}

fn area(points: &[[f64; 2]]) -> f64 {
    let edges = (0..points.len()).map(|index| (points[index], points[(index + 1) % points.len()]));
    edges.map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs() / 2.0
}

fn most(difference: &Tensor) -> f32 {
    difference.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

/// Runs the script, which says what it takes.
fn reference<const N: usize>(arguments: [&Path; N]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let Some(python) = env::var_os("LUNETTE_TEST_PYTHON").map(PathBuf::from) else {
        panic!(
            "LUNETTE_TEST_PYTHON is not set: `scripts/setup reference FOLDER` makes FOLDER/bin/python"
        )
    };
    let output = Command::new(&python)
        .arg(folder.join("text_reference.py"))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("LUNETTE_TEST_PYTHON={}: {error}", python.display()));
    assert!(
        output.status.success(),
        "RapidOCR failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn boxes_and_texts_are_compared_as_they_should_be() {
    let at = |x: f32| [[x, 0.0], [x + 10.0, 0.0], [x + 10.0, 10.0], [x, 10.0]];
    assert!((common(&at(0.0), &at(0.0)) - 1.0).abs() < 1e-9);
    assert!((common(&at(0.0), &at(5.0)) - 1.0 / 3.0).abs() < 1e-9);
    assert!(common(&at(0.0), &at(20.0)) < 1e-9);
    assert_eq!((edits("kitten", "sitting"), edits("", "ab"), edits("字a", "字a")), (3, 2, 0));
    let line = |x: f32, text: &str| Line { text: text.into(), confidence: 1.0, corners: at(x) };
    let theirs = [
        Theirs { corners: at(0.0), text: "one".into() },
        Theirs { corners: at(50.0), text: "two".into() },
    ];
    assert_eq!(compare(&[line(50.2, "twa"), line(0.0, "one")], &theirs), (2, 1));
    assert_eq!(compare(&[line(0.0, "one")], &theirs), (1, 3));
    assert_eq!(
        compare(&[line(0.0, "one"), line(50.0, "two"), line(90.0, "more")], &theirs),
        (2, 4)
    );
}
