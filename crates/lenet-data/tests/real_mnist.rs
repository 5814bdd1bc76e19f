//! Against the real MNIST, where it lies beside the workspace.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use lenet_data::{Choice, DatasetName, Normalize, Origin, Request, load, verify};

/// The folder, or a word that the test does without.
#[expect(clippy::print_stderr, reason = "a part that was skipped must be seen")]
fn real() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/mnist");
    if !dir.is_dir() {
        eprintln!("skipped: there is no MNIST at {}", dir.display());
        return None;
    }
    Some(dir)
}

fn request(data_dir: PathBuf, choice: Choice) -> Request {
    Request {
        choice,
        data_dir: Some(data_dir),
        cache_dir: None,
        offline: true,
    }
}

#[test]
fn the_real_mnist_is_known() {
    let Some(dir) = real() else { return };
    for choice in [Choice::Auto, Choice::Only(DatasetName::Mnist)] {
        let data = load(&request(dir.clone(), choice), &mut ()).unwrap();
        assert_eq!(data.name, DatasetName::Mnist);
        assert_eq!(data.origin, Origin::Folder(dir.clone()));
        assert_eq!((data.train.len(), data.test.len()), (60_000, 10_000));
        assert_eq!(data.train.labels()[..5], [5, 0, 4, 1, 9]);
        // The customary numbers are rounded to four decimals.
        let Normalize { mean, std } = Normalize::of(data.train.images());
        let customary = data.normalize();
        assert!((mean - customary.mean).abs() < 5e-5 && (std - customary.std).abs() < 5e-5);
    }
    let reports = verify(DatasetName::Mnist, &dir).unwrap();
    assert!(reports.iter().all(|report| report.is_ok()), "{reports:?}");
}

#[test]
fn mnist_does_not_pass_for_fashion() {
    let Some(dir) = real() else { return };
    let choice = Choice::Only(DatasetName::FashionMnist);
    let error = load(&request(dir, choice), &mut ())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is not fashion-mnist's train-images-idx3-ubyte"),
        "{error}"
    );
    assert!(
        error.ends_with("(it is mnist's train-images-idx3-ubyte)"),
        "{error}"
    );
}

#[test]
fn each_image_of_the_sample_is_in_the_training_set() {
    let Some(dir) = real() else { return };
    let mnist = load(&request(dir.clone(), Choice::Auto), &mut ())
        .unwrap()
        .train;
    let known: HashSet<(&[u8; 784], u8)> = (0..mnist.len())
        .map(|i| (mnist.image(i), mnist.label(i)))
        .collect();
    let choice = Choice::Only(DatasetName::Sample);
    let sample = load(&request(dir, choice), &mut ()).unwrap();
    for split in [&sample.train, &sample.test] {
        for i in 0..split.len() {
            assert!(
                known.contains(&(split.image(i), split.label(i))),
                "sample {i}"
            );
        }
    }
}
