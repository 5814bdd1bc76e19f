//! A published set from the cache and, what the cache lacks, from the network.

use super::cache::Cache;
use super::{Request, Watcher};
use crate::dataset::{Dataset, Origin};
use crate::error::{Error, Result};
use crate::idx::IdxFile;
use crate::mnist::{Part, Published};
use crate::name::DatasetName;

/// A place in the network that has the files of published sets.
pub(super) trait Remote {
    /// The file, with the published hash, and the address it came from.
    ///
    /// # Errors
    /// Why not, in a few words.
    fn fetch(
        &mut self,
        set: &Published,
        part: Part,
        watcher: &mut dyn Watcher,
    ) -> Result<(IdxFile, String), String>;
}

/// The places to ask for a set, in order. They are made only if they are needed.
pub(super) type Remotes<'a> = &'a dyn Fn(DatasetName) -> Vec<Box<dyn Remote>>;

/// A data set, and whether the cache has it now.
pub(super) struct Obtained {
    pub(super) dataset: Dataset,
    /// What kept the cache from keeping a file, if anything did.
    pub(super) unkept: Option<Error>,
}

/// The set, whole: each file from the cache, else from the first place that has
/// it, which the cache then keeps. A data folder that was named takes the cache's
/// place.
///
/// # Errors
/// [`Error::Unavailable`] if a file is nowhere to be had, [`Error::Damaged`] if
/// the cache has it, but damaged.
pub(super) fn obtain(
    set: &Published,
    request: &Request,
    remotes: Remotes,
    watcher: &mut dyn Watcher,
) -> Result<Obtained> {
    let cache = request.dir(set.name).map(|dir| Cache { dir });
    // What lies in somebody's own folder is not ours to replace.
    let own = request.data_dir.is_none();
    let mut network = Network {
        set,
        remotes: (!request.offline).then_some(remotes),
        places: Vec::new(),
    };
    let (mut unkept, mut from) = (None, None);
    let mut get = |part: Part| {
        let mut damaged = None;
        let cached = cache.as_ref().map(|cache| cache.read(set, part));
        match cached {
            Some(Ok(Some(file))) => return Ok(file),
            Some(Err(Error::File { path, fault })) if own => {
                if !request.offline {
                    watcher.note(&format!("{}: {fault}: fetching it again", path.display()));
                }
                damaged = Some((path, Box::new(fault)));
            }
            Some(Err(error)) => return Err(error),
            Some(Ok(None)) | None => {}
        }
        let fetched = network.fetch(part, watcher);
        let (file, address) = fetched.map_err(|why| match damaged {
            Some((path, fault)) => Error::Damaged { path, fault, why },
            None => Error::Unavailable {
                name: set.name,
                why,
            },
        })?;
        if let Some(cache) = &cache {
            unkept = cache.write(part, &file).err().or(unkept.take());
        }
        from.get_or_insert(address);
        Ok(file)
    };
    let [a, b, c, d] = Part::ALL;
    let files = [get(a)?, get(b)?, get(c)?, get(d)?];
    let origin = match (from, cache) {
        (None, Some(cache)) => Origin::Cache(cache.dir),
        (address, _) => Origin::Network(address.unwrap_or_default()),
    };
    let dataset = Dataset::new(set.name, origin, files)?;
    Ok(Obtained { dataset, unkept })
}

/// The places in the network, made at the first question.
struct Network<'a> {
    set: &'a Published,
    /// `None` where the network is not to be used.
    remotes: Option<Remotes<'a>>,
    places: Vec<Box<dyn Remote>>,
}

impl Network<'_> {
    /// The file from the first place that has it.
    fn fetch(
        &mut self,
        part: Part,
        watcher: &mut dyn Watcher,
    ) -> Result<(IdxFile, String), String> {
        let Some(remotes) = self.remotes else {
            return Err("not in the cache, and the network is not to be used".to_owned());
        };
        if self.places.is_empty() {
            self.places = remotes(self.set.name);
        }
        if self.places.is_empty() {
            return Err("not in the cache, and this build has no downloads".to_owned());
        }
        let mut reasons = Vec::new();
        for place in &mut self.places {
            match place.fetch(self.set, part, watcher) {
                Ok(found) => return Ok(found),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.join("; "))
    }
}
