//! Bad data: one line, exit code 3, nothing written.

use std::path::{Path, PathBuf};

use super::Place;

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A small set of four IDX files in `folder`.
pub(super) fn write_idx(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for (images, labels, n) in [(FILES[0], FILES[1], 40u32), (FILES[2], FILES[3], 20)] {
        let mut bytes = vec![0, 0, 8, 3];
        for axis in [n, 28, 28] {
            bytes.extend(axis.to_be_bytes());
        }
        bytes.extend((0..n * 784).map(|i| (i * 7 % 256) as u8));
        std::fs::write(folder.join(images), bytes).unwrap();
        let mut bytes = vec![0, 0, 8, 1];
        bytes.extend(n.to_be_bytes());
        bytes.extend((0..n).map(|i| (i % 10) as u8));
        std::fs::write(folder.join(labels), bytes).unwrap();
    }
}

fn place_with_data() -> (Place, PathBuf) {
    let place = Place::new();
    let folder = place.path().join("digits");
    write_idx(&folder);
    (place, folder)
}

const TRAIN: [&str; 7] = [
    "train",
    "--data-dir",
    "digits",
    "--max-steps",
    "1",
    "--out-dir",
    "run",
];

#[test]
fn any_four_idx_files_will_do() {
    let (place, _) = place_with_data();
    let ran = place.run(&[&TRAIN[..], &["--json"]].concat()).ok();
    assert_eq!(ran.json()["dataset"], "idx");
    assert_eq!(ran.json()["train_samples"], 40);
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    type Edit = fn(&mut Vec<u8>);
    let edits: [(&str, usize, Edit, &str); 4] = [
        ("truncated", 0, |bytes| bytes.truncate(5000), FILES[0]),
        ("trailing", 2, |bytes| bytes.push(0), FILES[2]),
        ("a label of 200", 1, |bytes| bytes[12] = 200, "200"),
        (
            "foreign",
            3,
            |bytes| *bytes = b"hello, this is no IDX file".to_vec(),
            FILES[3],
        ),
    ];
    for (what, file, edit, part) in edits {
        let (place, folder) = place_with_data();
        let path = folder.join(FILES[file]);
        let mut bytes = std::fs::read(&path).unwrap();
        edit(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let ran = place.run(&TRAIN);
        ran.fails(3, &[part, FILES[file]]);
        assert!(
            !place.path().join("run").exists(),
            "{what}: nothing is written"
        );
    }
}

#[test]
fn missing_and_swapped_files_are_named() {
    let (place, folder) = place_with_data();
    std::fs::remove_file(folder.join(FILES[1])).unwrap();
    place.run(&TRAIN).fails(3, &["digits", FILES[1]]);

    let (place, folder) = place_with_data();
    std::fs::copy(folder.join(FILES[1]), folder.join("kept")).unwrap();
    std::fs::rename(folder.join(FILES[0]), folder.join(FILES[1])).unwrap();
    std::fs::rename(folder.join("kept"), folder.join(FILES[0])).unwrap();
    place.run(&TRAIN).fails(3, &[FILES[0], "label"]);

    let place = Place::new();
    place.run(&TRAIN).fails(3, &["digits"]);
}

#[test]
fn what_is_not_mnist_is_not_taken_for_it() {
    let (place, _) = place_with_data();
    place
        .run(&[&TRAIN[..], &["--dataset", "mnist"]].concat())
        .fails(3, &["digits"]);
    place
        .run(&["data", "verify", "--data-dir", "digits"])
        .fails(3, &[FILES[0]]);
    let report = place.run(&["data", "verify", "--data-dir", "digits", "--json"]);
    assert_eq!((report.code, &report.json()["ok"]), (3, &false.into()));
    place
        .run(&["train", "--dataset", "mnist", "--out-dir", "run"])
        .fails(3, &["mnist", "lenet data fetch"]);
}

#[test]
fn the_cache_has_a_path() {
    let place = Place::new();
    let path = place.run(&["data", "path"]).ok().stdout;
    let expected = place.path().join("cache").join("lenet").join("mnist");
    assert_eq!(path.trim_end(), expected.display().to_string());
    for args in [["data", "path"], ["data", "fetch"], ["data", "verify"]] {
        let mut command = place.command(&args);
        // Neither names a folder: relative ones do not count.
        command.env("XDG_CACHE_HOME", "").env("HOME", "here");
        super::Ran::from(command.output().unwrap()).fails(3, &["no cache folder"]);
    }
    let of = |dataset| ["data", "path", "--dataset", dataset];
    place
        .run(&of("sample"))
        .fails(2, &["built into the program"]);
    place.run(&of("idx")).fails(2, &["--data-dir"]);
}

#[test]
fn a_data_dir_has_a_path_and_is_what_fetch_fills() {
    let place = Place::new();
    let raw = place.path().join("digits/MNIST/raw");
    write_idx(&raw);
    for dataset in ["idx", "mnist"] {
        let args = ["data", "path", "--dataset", dataset, "--data-dir", "digits"];
        let path = place.run(&args).ok().stdout;
        assert_eq!(Path::new(path.trim_end()), Path::new("digits/MNIST/raw"));
    }
    // These are not MNIST's, and nothing of somebody's own is replaced.
    let args = ["data", "fetch", "--data-dir", "digits"];
    place
        .run(&args)
        .fails(3, &["digits/MNIST/raw", "is not mnist's"]);
}

#[test]
fn the_full_mnist_beside_the_project_is_known_by_its_hash() {
    let mnist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/mnist");
    if !mnist.is_dir() {
        eprintln!("skipped: no MNIST at {}", mnist.display());
        return;
    }
    let folder = mnist.display().to_string();
    let place = Place::new();
    let report = place
        .run(&["data", "verify", "--data-dir", &folder, "--json"])
        .ok()
        .json();
    assert_eq!(report["ok"], true);
    let args = ["train", "--data-dir", &folder, "--max-steps", "2", "--json"];
    let summary = place.run(&args).ok().json();
    assert_eq!(
        (&summary["dataset"], &summary["test_samples"]),
        (&"mnist".into(), &10_000.into())
    );
}
