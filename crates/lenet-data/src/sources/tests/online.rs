//! Downloads into the cache, from servers on this machine.

use std::fs;

use super::super::server::{Answers, Server};
use super::super::testing::tiny;
use super::{MNIST, World, only};
use crate::dataset::Origin;
use crate::error::Error;
use crate::mnist::Part;
use crate::name::{Choice, DatasetName};
use crate::sources::Request;

#[test]
fn a_download_is_kept() {
    let server = Server::start(tiny(MNIST, 1).answers());
    let mut world = World::new(&[&server.base]);
    let request = world.request(Choice::Auto);
    let fetched = world.load(&request).unwrap();
    assert_eq!(fetched.name, MNIST);
    assert_eq!(
        fetched.origin.to_string(),
        format!("downloaded from {}", server.base)
    );
    assert_eq!(server.requests().len(), 5);

    let again = world.load(&request).unwrap();
    assert_eq!(again.origin, Origin::Cache(world.path("cache/mnist")));
    assert_eq!(
        (&again.train, &again.sha256),
        (&fetched.train, &fetched.sha256)
    );
    assert_eq!(server.requests().len(), 5);
    assert!(world.notes.0.is_empty(), "{:?}", world.notes.0);
}

#[test]
fn a_data_folder_is_filled_but_nothing_in_it_is_replaced() {
    let server = Server::start(tiny(MNIST, 1).answers());
    let mut world = World::new(&[&server.base]);
    let data = world.path("data");
    let request = Request {
        data_dir: Some(data.clone()),
        ..world.request(only(MNIST))
    };
    assert_eq!(world.fetch(&request).unwrap(), data);
    assert_eq!(world.load(&request).unwrap().name, MNIST);
    assert!(!world.path("cache").exists());

    let own = data.join("train-labels-idx1-ubyte");
    let bytes = tiny(MNIST, 3).file(Part::TrainLabels).to_vec();
    fs::write(&own, &bytes).unwrap();
    assert!(matches!(world.fetch(&request), Err(Error::File { path, .. }) if path == own));
    assert_eq!(fs::read(&own).unwrap(), bytes);
}

#[test]
fn only_what_is_damaged_or_missing_is_fetched() {
    let server = Server::start(tiny(MNIST, 1).answers());
    let mut world = World::new(&[&server.base]);
    let cache = world.path("cache/mnist");
    world.mnist.write(&cache);
    fs::write(
        cache.join("train-labels-idx1-ubyte"),
        tiny(MNIST, 3).file(Part::TrainLabels),
    )
    .unwrap();
    fs::remove_file(cache.join("t10k-labels-idx1-ubyte")).unwrap();

    let request = world.request(only(MNIST));
    assert_eq!(world.load(&request).unwrap().name, MNIST);
    let gets: Vec<String> = server
        .requests()
        .into_iter()
        .filter(|r| r.starts_with("GET"))
        .collect();
    assert_eq!(
        gets,
        [
            "GET /train-labels-idx1-ubyte.gz",
            "GET /t10k-labels-idx1-ubyte.gz"
        ]
    );
    let [note] = world.notes.0.as_slice() else {
        panic!("{:?}", world.notes.0)
    };
    assert!(
        note.contains("train-labels-idx1-ubyte: is not mnist's"),
        "{note}"
    );
    assert!(note.ends_with(": fetching it again"), "{note}");
    for part in Part::ALL {
        assert_eq!(
            fs::read(cache.join(part.file())).unwrap(),
            world.mnist.file(part)
        );
    }
}

#[test]
fn bad_data_never_replace_what_the_cache_has() {
    let server = Server::start(tiny(MNIST, 4).answers());
    let mut world = World::new(&[&server.base]);
    let cache = world.path("cache/mnist");
    world.mnist.write(&cache);
    let damaged = cache.join("train-images-idx3-ubyte");
    fs::write(&damaged, "damaged").unwrap();
    let request = world.request(Choice::Auto);
    let error = world.load(&request).unwrap_err().to_string();
    assert!(
        error.contains("train-images-idx3-ubyte: is not an IDX file"),
        "{error}"
    );
    assert!(
        error.contains("it could not be fetched again (no mirror has the file"),
        "{error}"
    );
    assert_eq!(fs::read(&damaged).unwrap(), b"damaged");
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 4);
}

#[test]
fn a_cache_that_cannot_be_written_does_not_stop_a_load() {
    let server = Server::start(tiny(MNIST, 1).answers());
    let mut world = World::new(&[&server.base]);
    fs::write(world.path("cache"), "a file where the folder should be").unwrap();
    let request = world.request(only(MNIST));
    assert_eq!(world.load(&request).unwrap().name, MNIST);
    let [note] = world.notes.0.as_slice() else {
        panic!("{:?}", world.notes.0)
    };
    assert!(
        note.contains("cannot be written: ")
            && note.ends_with(": it will be fetched again next time"),
        "{note}"
    );
    assert!(matches!(world.fetch(&request), Err(Error::Write { .. })));
}

#[test]
fn two_at_once_leave_whole_files() {
    let server = Server::start(tiny(MNIST, 1).answers());
    let root = tempfile::tempdir().unwrap();
    let request = Request {
        choice: only(MNIST),
        data_dir: None,
        cache_dir: Some(root.path().to_owned()),
        offline: false,
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut world = World::new(&[&server.base]);
                assert_eq!(world.load(&request).unwrap().name, MNIST);
            });
        }
    });
    let offline = Request {
        offline: true,
        ..request
    };
    assert_eq!(World::new(&[]).load(&offline).unwrap().name, MNIST);
    assert_eq!(fs::read_dir(root.path().join("mnist")).unwrap().count(), 4);
}

#[test]
fn mirrors_that_have_nothing_are_no_reason_to_stop_auto() {
    let server = Server::start(Answers::new());
    let mut world = World::new(&[&server.base]);
    let request = world.request(Choice::Auto);
    assert_eq!(world.load(&request).unwrap().name, DatasetName::Sample);
    assert!(
        world.notes.0[0].starts_with("no mirror has the file ("),
        "{:?}",
        world.notes.0
    );
}
