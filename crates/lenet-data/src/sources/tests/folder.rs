//! A folder that was named: its forms and its faults.

use std::fs;

use super::super::testing::{gzip, tiny};
use super::{FASHION, MNIST, World, only};
use crate::dataset::Origin;
use crate::hash::Sum;
use crate::mnist::{Part, Published};
use crate::name::{Choice, DatasetName};
use crate::sources::verify;

#[test]
fn a_folder_is_known_by_its_hashes() {
    let mut world = World::new(&[]);
    let data = world.path("data");
    world.fashion.write(&data);
    let auto = world.load_dir(Choice::Auto).unwrap();
    assert_eq!(
        (auto.name, auto.origin),
        (FASHION, Origin::Folder(data.clone()))
    );
    assert_eq!((auto.train.len(), auto.test.len()), (6, 4));
    assert_eq!(auto.sha256, Sum::over(&world.fashion.set.sums).to_string());
    assert_eq!(world.load_dir(only(FASHION)).unwrap().name, FASHION);
    assert_eq!(
        world.load_dir(only(DatasetName::Idx)).unwrap().name,
        DatasetName::Idx
    );
    let error = world.dir_error(only(MNIST));
    assert!(
        error.starts_with(
            "data/train-images-idx3-ubyte: is not mnist's train-images-idx3-ubyte: sha256 "
        ),
        "{error}"
    );

    tiny(MNIST, 9).write(&data);
    assert_eq!(world.load_dir(Choice::Auto).unwrap().name, DatasetName::Idx);
    assert!(world.notes.0.is_empty(), "{:?}", world.notes.0);
}

#[test]
fn a_folder_is_read_in_every_usual_form() {
    let mut world = World::new(&[]);
    let names: [fn(Part) -> String; 4] = [
        |part| part.file().to_owned(),
        |part| format!("{}.gz", part.file()),
        |part| part.file().replace("-idx", ".idx"),
        |part| part.file().replace("-idx", ".idx") + ".gz",
    ];
    for below in ["", "MNIST/raw", "raw"] {
        for name in names {
            let folder = world.path("data").join(below);
            fs::create_dir_all(&folder).unwrap();
            for part in Part::ALL {
                let plain = world.mnist.file(part).to_vec();
                let packed = gzip(&plain);
                let bytes = if name(part).ends_with(".gz") {
                    packed
                } else {
                    plain
                };
                fs::write(folder.join(name(part)), bytes).unwrap();
            }
            let found = world.load_dir(only(MNIST)).unwrap();
            assert_eq!(found.origin, Origin::Folder(folder.components().collect()));
            fs::remove_dir_all(world.path("data")).unwrap();
        }
    }
    // gzip is known by its bytes: a browser may have unpacked it, or not.
    let data = world.path("data");
    world.mnist.write(&data);
    let [images, labels] =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"].map(|f| data.join(f));
    fs::rename(&images, images.with_extension("gz")).unwrap();
    fs::write(labels, gzip(world.mnist.file(Part::TrainLabels))).unwrap();
    assert_eq!(world.load_dir(Choice::Auto).unwrap().name, MNIST);
}

#[test]
fn torchvisions_folder_has_room_for_both_sets() {
    let mut world = World::new(&[]);
    world.mnist.write(&world.path("data/MNIST/raw"));
    world.fashion.write(&world.path("data/FashionMNIST/raw"));
    assert_eq!(world.load_dir(Choice::Auto).unwrap().name, MNIST);
    for name in [MNIST, FASHION] {
        assert_eq!(world.load_dir(only(name)).unwrap().name, name);
    }
}

#[test]
fn a_folder_that_was_named_is_never_left_for_another() {
    // The cache has it all: falling through would succeed.
    let mut world = World::new(&[]);
    world.mnist.write(&world.path("cache/mnist"));
    let choices = [Choice::Auto, only(MNIST), only(DatasetName::Idx)];
    for choice in choices {
        assert_eq!(
            world.dir_error(choice),
            "data: there is no such folder: expected a folder with the four IDX files"
        );
    }
    fs::write(world.path("data"), "x").unwrap();
    assert_eq!(
        world.dir_error(Choice::Auto),
        "data: is a file: expected a folder with the four IDX files"
    );
    fs::remove_file(world.path("data")).unwrap();
    fs::create_dir(world.path("data")).unwrap();
    let error = world.dir_error(only(MNIST));
    assert!(error.starts_with("data: holds no IDX files, nor does MNIST/raw, raw below it: expected train-images-idx3-ubyte, "), "{error}");

    world.mnist.write(&world.path("data"));
    fs::remove_file(world.path("data/t10k-labels-idx1-ubyte")).unwrap();
    for choice in choices {
        assert_eq!(
            world.dir_error(choice),
            "data: t10k-labels-idx1-ubyte (or .gz) is missing"
        );
    }
    assert!(world.notes.0.is_empty());
}

#[test]
fn files_in_each_others_place_are_told() {
    let mut world = World::new(&[]);
    world.mnist.write(&world.path("data"));
    let swap = |world: &World, a: &str, b: &str| {
        let [a, b, aside] = [a, b, "aside"].map(|file| world.path("data").join(file));
        for (from, to) in [(&a, &aside), (&b, &a), (&aside, &b)] {
            fs::rename(from, to).unwrap();
        }
    };
    swap(&world, "train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    let expected = "data/train-images-idx3-ubyte: this is a label file (magic 2049), expected images (magic 2051): are two files swapped?";
    for choice in [Choice::Auto, only(MNIST), only(DatasetName::Idx)] {
        assert_eq!(world.dir_error(choice), expected);
    }
    swap(&world, "train-images-idx3-ubyte", "train-labels-idx1-ubyte");

    // Training and test set swapped: only the hashes can tell.
    swap(&world, "train-images-idx3-ubyte", "t10k-images-idx3-ubyte");
    assert_eq!(
        world.dir_error(Choice::Auto),
        "data/train-images-idx3-ubyte: is mnist's t10k-images-idx3-ubyte, expected train-images-idx3-ubyte: are two files swapped?"
    );
    assert_eq!(
        world.dir_error(only(DatasetName::Idx)),
        "data/train-images-idx3-ubyte: holds 4 images, but data/train-labels-idx1-ubyte holds 6 labels: expected as many"
    );
    swap(&world, "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte");
    assert_eq!(
        world.load_dir(only(DatasetName::Idx)).unwrap().train.len(),
        4
    );
    assert!(
        world
            .dir_error(only(MNIST))
            .contains("is not mnist's train-images-idx3-ubyte")
    );
}

#[test]
fn a_strange_file_among_known_ones_is_noted() {
    let mut world = World::new(&[]);
    world.mnist.write(&world.path("data"));
    let strange = tiny(MNIST, 7);
    fs::write(
        world.path("data/t10k-images-idx3-ubyte"),
        strange.file(Part::TestImages),
    )
    .unwrap();
    assert_eq!(world.load_dir(Choice::Auto).unwrap().name, DatasetName::Idx);
    let notes: Vec<String> = world.notes.0.iter().map(|note| world.plain(note)).collect();
    assert_eq!(
        notes,
        [
            "data/t10k-images-idx3-ubyte is not mnist's, though other files beside it are: taking all four as data of your own (idx)"
        ]
    );
}

#[test]
fn a_set_without_samples_is_refused() {
    let mut world = World::new(&[]);
    world.mnist.write(&world.path("data"));
    let mut empty = Vec::new();
    crate::idx::write_images(&mut empty, &[]).unwrap();
    fs::write(world.path("data/train-images-idx3-ubyte"), &empty).unwrap();
    fs::write(
        world.path("data/train-labels-idx1-ubyte"),
        [0, 0, 8, 1, 0, 0, 0, 0],
    )
    .unwrap();
    assert_eq!(
        world.dir_error(Choice::Auto),
        "data/train-images-idx3-ubyte: holds no samples: expected 1 at least"
    );
}

#[test]
fn verify_reports_each_file() {
    // Folders of a tiny set are not MNIST: each file says so.
    let world = World::new(&[]);
    let data = world.path("data");
    world.mnist.write(&data);
    fs::remove_file(data.join("t10k-images-idx3-ubyte")).unwrap();
    let reports = verify(MNIST, &data).unwrap();
    for (part, report) in Part::ALL.into_iter().zip(&reports) {
        assert_eq!(report.path, data.join(part.file()));
        assert_eq!(
            report.expected,
            Published::of(MNIST).unwrap().sum(part).to_string()
        );
        let problem = world.plain(report.problem.as_deref().unwrap());
        if part == Part::TestImages {
            assert_eq!(
                (problem.as_str(), &report.sha256),
                ("data/t10k-images-idx3-ubyte: is missing", &None)
            );
        } else {
            let sum = Some(world.mnist.set.sum(part).to_string());
            assert!(
                problem.contains(": is not mnist's ") && report.sha256 == sum,
                "{problem}"
            );
        }
        assert!(!report.is_ok());
    }
    assert_eq!(verify(MNIST, &world.path("nowhere")).unwrap().len(), 4);
}
