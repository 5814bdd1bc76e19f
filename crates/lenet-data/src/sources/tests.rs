//! Which source is taken when, with tiny sets and servers on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use super::obtain::Remote;
use super::testing::{Notes, Tiny, gzip, nobody, tiny};
use super::{Request, fetch, fetch_from, load_from, verify};
use crate::dataset::{Dataset, Origin};
use crate::error::{Error, Result};
use crate::mnist::Part;
use crate::name::{Choice, DatasetName};

mod folder;
#[cfg(feature = "download")]
mod online;

const MNIST: DatasetName = DatasetName::Mnist;
const FASHION: DatasetName = DatasetName::FashionMnist;

fn only(name: DatasetName) -> Choice {
    Choice::Only(name)
}

/// Two tiny published sets, and where each case looks for them.
struct World {
    root: tempfile::TempDir,
    mnist: Tiny,
    fashion: Tiny,
    mirrors: Vec<String>,
    notes: Notes,
}

impl World {
    fn new(mirrors: &[&str]) -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            mnist: tiny(MNIST, 1),
            fashion: tiny(FASHION, 2),
            mirrors: mirrors.iter().map(ToString::to_string).collect(),
            notes: Notes::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn request(&self, choice: Choice) -> Request {
        let cache_dir = Some(self.path("cache"));
        Request {
            choice,
            data_dir: None,
            cache_dir,
            offline: false,
        }
    }

    fn load(&mut self, request: &Request) -> Result<Dataset> {
        let sets = [self.mnist.set, self.fashion.set];
        let mirrors = self.mirrors.clone();
        load_from(request, &sets, &|_| remotes_of(&mirrors), &mut self.notes)
    }

    fn fetch(&mut self, request: &Request) -> Result<PathBuf> {
        let (set, mirrors) = (self.mnist.set, self.mirrors.clone());
        fetch_from(&set, request, &|_| remotes_of(&mirrors), &mut self.notes)
    }

    /// What lies in the folder `data`, as `choice`.
    fn load_dir(&mut self, choice: Choice) -> Result<Dataset> {
        let data_dir = Some(self.path("data"));
        let request = Request {
            data_dir,
            ..self.request(choice)
        };
        self.load(&request)
    }

    /// The message of that failure, less the folder of the test.
    fn dir_error(&mut self, choice: Choice) -> String {
        let error = self.load_dir(choice).unwrap_err();
        assert!(!error.is_usage());
        self.plain(&error.to_string())
    }

    fn plain(&self, message: &str) -> String {
        assert!(!message.contains('\n'), "one line: {message}");
        message.replace(&format!("{}/", self.root.path().display()), "")
    }
}

#[cfg(feature = "download")]
fn remotes_of(bases: &[String]) -> Vec<Box<dyn Remote>> {
    let bases: Vec<&str> = bases.iter().map(String::as_str).collect();
    vec![Box::new(super::download::Mirrors::new(&bases, None))]
}

#[cfg(not(feature = "download"))]
fn remotes_of(_bases: &[String]) -> Vec<Box<dyn Remote>> {
    Vec::new()
}

#[test]
fn idx_without_a_folder_and_names_nobody_publishes_are_usage_errors() {
    let mut world = World::new(&[]);
    let request = world.request(only(DatasetName::Idx));
    let error = world.load(&request).unwrap_err();
    assert!(matches!(error, Error::NeedsDataDir) && error.is_usage());
    for name in [DatasetName::Idx, DatasetName::Sample] {
        assert!(matches!(fetch(name, &request, &mut ()), Err(Error::NotPublished(n)) if n == name));
        assert!(matches!(verify(name, Path::new("x")), Err(Error::NotPublished(n)) if n == name));
    }
    let request = Request {
        cache_dir: None,
        ..request
    };
    assert!(matches!(world.fetch(&request), Err(Error::NoCache(MNIST))));
    assert_eq!(request.dir(MNIST), None);
}

#[test]
fn the_sample_ignores_everything_else() {
    let mut world = World::new(&[]);
    fs::write(world.path("data"), "x").unwrap();
    let sample = world.load_dir(only(DatasetName::Sample)).unwrap();
    assert_eq!(
        (sample.name, sample.origin.to_string()),
        (DatasetName::Sample, "built-in sample".into())
    );
}

#[test]
fn auto_without_anything_falls_back_in_one_line() {
    let mut world = World::new(&[&nobody()]);
    let request = world.request(Choice::Auto);
    for (request, why) in [
        (
            request.clone(),
            if cfg!(feature = "download") {
                "no network (127.0.0.1:"
            } else {
                "not in the cache, and this build has no downloads"
            },
        ),
        (
            Request {
                offline: true,
                ..request
            },
            "not in the cache, and the network is not to be used",
        ),
    ] {
        world.notes = Notes::default();
        assert_eq!(world.load(&request).unwrap().name, DatasetName::Sample);
        let [note] = world.notes.0.as_slice() else {
            panic!("{:?}", world.notes.0)
        };
        assert!(note.starts_with(why), "{note}");
        assert!(
            note.ends_with(": using the built-in sample of 10,000 digits"),
            "{note}"
        );

        world.notes = Notes::default();
        let error = world
            .load(&Request {
                choice: only(MNIST),
                ..request
            })
            .unwrap_err();
        assert!(
            matches!(error, Error::Unavailable { name: MNIST, .. }),
            "{error}"
        );
        assert!(
            error.to_string().starts_with(&format!("mnist: {why}")),
            "{error}"
        );
        assert!(world.notes.0.is_empty());
    }
    assert!(!world.path("cache").exists());
}

#[test]
fn what_the_cache_has_needs_no_network() {
    let mut world = World::new(&[]);
    world.mnist.write(&world.path("cache/mnist"));
    let offline = Request {
        offline: true,
        ..world.request(Choice::Auto)
    };
    let found = world.load(&offline).unwrap();
    assert_eq!(found.name, MNIST);
    assert_eq!(
        found.origin.to_string(),
        format!("cache {}", world.path("cache/mnist").display())
    );
    assert_eq!(world.fetch(&offline).unwrap(), world.path("cache/mnist"));
    assert_eq!(offline.dir(MNIST), Some(world.path("cache/mnist")));
    assert!(world.notes.0.is_empty());
}

#[test]
fn a_cache_that_somebody_filled_with_packed_files_is_read() {
    let mut world = World::new(&[]);
    let cache = world.path("cache/mnist");
    fs::create_dir_all(&cache).unwrap();
    for part in Part::ALL {
        let packed = gzip(world.mnist.file(part));
        fs::write(cache.join(format!("{}.gz", part.file())), packed).unwrap();
    }
    let offline = Request {
        offline: true,
        ..world.request(only(MNIST))
    };
    let found = world.load(&offline).unwrap();
    assert_eq!((found.train.len(), found.test.len()), (6, 4));
    assert_eq!(found.origin, Origin::Cache(cache.clone()));
    assert_eq!(world.fetch(&offline).unwrap(), cache);
}

#[test]
fn the_folder_of_a_set_is_where_its_files_are() {
    let mut world = World::new(&[]);
    let below = world.path("data/MNIST/raw");
    world.mnist.write(&below);
    let request = Request {
        data_dir: Some(world.path("data")),
        offline: true,
        ..world.request(only(MNIST))
    };
    assert_eq!(request.dir(MNIST), Some(below.clone()));
    assert_eq!(request.dir(FASHION), Some(world.path("data")));
    assert_eq!(request.dir(DatasetName::Sample), None);
    assert_eq!(world.fetch(&request).unwrap(), below);
    let cached = world.request(Choice::Auto);
    for name in [DatasetName::Sample, DatasetName::Idx] {
        assert_eq!(cached.dir(name), None);
    }
}

#[test]
fn a_damaged_cache_offline_is_an_error_that_says_what_to_do() {
    let mut world = World::new(&[]);
    world.mnist.write(&world.path("cache/mnist"));
    let damaged = world.path("cache/mnist/t10k-labels-idx1-ubyte");
    fs::write(&damaged, [0, 0, 8, 1, 0, 0, 0, 4, 1]).unwrap();
    for choice in [Choice::Auto, only(MNIST)] {
        let offline = Request {
            offline: true,
            ..world.request(choice)
        };
        let error = world.load(&offline).unwrap_err().to_string();
        assert_eq!(
            world.plain(&error),
            "cache/mnist/t10k-labels-idx1-ubyte: is 9 bytes long, expected 12 for the 4 items of its header: the file is cut short; \
             it could not be fetched again (not in the cache, and the network is not to be used): \
             fetch it where there is a network, or delete it"
        );
    }
    assert_eq!(fs::read(&damaged).unwrap().len(), 9);
}
