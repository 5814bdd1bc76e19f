//! Where data come from, and in which order it is tried: a folder that was
//! named, the cache, the network, the built-in sample.

mod cache;
mod dir;
#[cfg(feature = "download")]
mod download;
#[cfg(feature = "hub")]
mod hub;
mod obtain;
mod sample;
#[cfg(test)]
#[cfg(feature = "download")]
mod server;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::mnist::Published;
use crate::name::{Choice, DatasetName};
use obtain::{Remote, Remotes, obtain};

pub use dir::{FileReport, verify};

/// Which data to load, and from where.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which data set.
    pub choice: Choice,
    /// A folder with the four IDX files, packed or not, or with torchvision's
    /// `MNIST/raw/` or `FashionMNIST/raw/` below it. With it, nothing else is
    /// looked at.
    pub data_dir: Option<PathBuf>,
    /// Where files from the network are kept; `None` keeps none.
    pub cache_dir: Option<PathBuf>,
    /// Never touch the network.
    pub offline: bool,
}

impl Default for Request {
    /// `auto`, from the user's cache (`$XDG_CACHE_HOME/lenet`, `~/.cache/lenet`
    /// or the system's usual place) and the network.
    fn default() -> Self {
        Self {
            choice: Choice::Auto,
            data_dir: None,
            cache_dir: cache::default_dir(),
            offline: false,
        }
    }
}

impl Request {
    /// The folder that files of `name` are read from, whether or not it exists:
    /// the data folder, or the one below it that holds them, else the cache's for
    /// this data set. `None` without either, and for `sample`, which has no files.
    pub fn dir(&self, name: DatasetName) -> Option<PathBuf> {
        match (&self.data_dir, &self.cache_dir) {
            _ if name == DatasetName::Sample => None,
            (Some(dir), _) => Some(dir::folder(dir, name)),
            (None, Some(root)) if name != DatasetName::Idx => Some(root.join(name.to_string())),
            _ => None,
        }
    }
}

/// Sees what loading does. Every method does nothing unless it is overridden,
/// and `()` overrides none: `load(&request, &mut ())`.
pub trait Watcher {
    /// A file begins to arrive; `total` is its length in bytes, where known.
    fn download_started(&mut self, _file: &str, _total: Option<u64>) {}
    /// That many more bytes of it arrived.
    fn downloaded(&mut self, _bytes: u64) {}
    /// No more of it will arrive: it is whole, or was given up.
    fn download_finished(&mut self) {}
    /// One line that the user should see.
    fn note(&mut self, _line: &str) {}
    /// The note that `auto` came to the built-in sample, and why: a program may add
    /// how to get the full set.
    fn fell_back(&mut self, line: &str) {
        self.note(line);
    }
}

impl Watcher for () {}

/// The places this build knows for a published set.
#[cfg(feature = "download")]
fn remotes(name: DatasetName) -> Vec<Box<dyn Remote>> {
    vec![
        Box::new(download::Mirrors::of(name)),
        #[cfg(feature = "hub")]
        Box::new(hub::Hub::of(name)),
    ]
}

/// This build knows no place.
#[cfg(not(feature = "download"))]
fn remotes(_: DatasetName) -> Vec<Box<dyn Remote>> {
    Vec::new()
}

/// Loads the data set that `request` asks for.
///
/// - `auto` with a data folder takes what lies there, known by its hash or else
///   as `idx`; without one MNIST from the cache, else from the network, else
///   the built-in sample, with one note that says so;
/// - `mnist` and `fashion-mnist` come from the data folder, else the cache, else
///   the network, are checked by hash, and never fall back;
/// - `sample` is built in; `idx` is what lies in the data folder.
///
/// A damaged file in the cache is fetched again, with a note.
///
/// # Errors
/// One line that names the file or folder, what was found and what was
/// expected; see [`Error`].
pub fn load(request: &Request, watcher: &mut dyn Watcher) -> Result<Dataset> {
    load_from(request, &Published::ALL, &remotes, watcher)
}

/// Puts a published data set into the data folder or else into the cache, or finds
/// it there, and returns the folder it lies in. In a data folder nothing that is
/// there is replaced.
///
/// # Errors
/// [`Error::NotPublished`] for `sample` and `idx`, [`Error::NoCache`] without a
/// cache folder, [`Error::Unavailable`] if no source has the files,
/// [`Error::File`] for another file in the place of one, and [`Error::Write`] if
/// they cannot be kept. Never falls back.
pub fn fetch(name: DatasetName, request: &Request, watcher: &mut dyn Watcher) -> Result<PathBuf> {
    let set = Published::of(name).ok_or(Error::NotPublished(name))?;
    fetch_from(&set, request, &remotes, watcher)
}

fn fetch_from(
    set: &Published,
    request: &Request,
    remotes: Remotes,
    watcher: &mut dyn Watcher,
) -> Result<PathBuf> {
    let dir = request.dir(set.name).ok_or(Error::NoCache(set.name))?;
    let obtained = obtain(set, request, remotes, watcher)?;
    match obtained.unkept {
        Some(error) => Err(error),
        None => Ok(dir),
    }
}

/// [`load`] among these sets and places: tests bring their own.
fn load_from(
    request: &Request,
    sets: &[Published],
    remotes: Remotes,
    watcher: &mut dyn Watcher,
) -> Result<Dataset> {
    let name = match (request.choice, &request.data_dir) {
        (Choice::Only(DatasetName::Sample), _) => return sample::load(),
        (choice, Some(dir)) => return dir::load(dir, choice, sets, watcher),
        (Choice::Only(name), None) => name,
        (Choice::Auto, None) => DatasetName::Mnist,
    };
    let set = sets.iter().find(|set| set.name == name);
    let obtained = obtain(set.ok_or(Error::NeedsDataDir)?, request, remotes, watcher);
    match obtained {
        Err(Error::Unavailable { why, .. }) if request.choice == Choice::Auto => {
            let sample = sample::load()?;
            watcher.fell_back(&format!(
                "{why}: using the built-in sample of 10,000 digits"
            ));
            Ok(sample)
        }
        Err(error) => Err(error),
        Ok(obtained) => {
            if let Some(error) = obtained.unkept {
                watcher.note(&format!("{error}: it will be fetched again next time"));
            }
            Ok(obtained.dataset)
        }
    }
}
