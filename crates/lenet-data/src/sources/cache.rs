//! The cache: a folder for each published data set, in it the four files under
//! their published names.
//!
//! They are kept unpacked (55 MB a set): MNIST is loaded from there in a third
//! of the time that unpacking takes, and the folder is what torchvision and
//! candle-datasets read. A packed file that somebody put there is read as well.
//! A file is written beside its place and renamed into it, so that it is whole
//! whenever it can be seen, also with two writers.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::dir;
use crate::error::{Error, Result};
use crate::idx::{self, IdxFile};
use crate::mnist::{Kind, Part, Published};

/// Where one data set is kept.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) dir: PathBuf,
}

impl Cache {
    /// The file, packed or not, or `None` if it is not there.
    ///
    /// # Errors
    /// If it is there but not the published one.
    pub(super) fn read(&self, set: &Published, part: Part) -> Result<Option<IdxFile>> {
        let Some(path) = dir::find(&self.dir, part) else {
            return Ok(None);
        };
        let file = IdxFile::open(part.kind(), &path)?;
        set.check(part, &file).map(|()| Some(file))
    }

    /// Keeps a file that was checked.
    pub(super) fn write(&self, part: Part, file: &IdxFile) -> Result<()> {
        let path = self.dir.join(part.file());
        self.replace(&path, part.kind(), &file.bytes)
            .map_err(|error| Error::Write { path, error })
    }

    fn replace(&self, path: &Path, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut temporary = tempfile::Builder::new();
        // As any new file: what the umask leaves, not the owner alone.
        #[cfg(unix)]
        temporary.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut temporary = temporary.prefix(".fetching-").tempfile_in(&self.dir)?;
        match kind {
            Kind::Images => idx::write_images(&mut temporary, bytes)?,
            Kind::Labels => idx::write_labels(&mut temporary, bytes)?,
        }
        temporary.flush()?;
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        Ok(())
    }
}

/// The user's cache folder for this program.
pub(super) fn default_dir() -> Option<PathBuf> {
    let local = if cfg!(windows) {
        std::env::var_os("LOCALAPPDATA")
    } else {
        None
    };
    dir_among(
        std::env::var_os("XDG_CACHE_HOME"),
        local,
        std::env::home_dir(),
    )
}

/// `$XDG_CACHE_HOME/lenet`, else Windows' local folder, else the home's usual
/// place. Relative paths count as unset, as XDG's base directory rules ask.
fn dir_among(
    xdg: Option<OsString>,
    local: Option<OsString>,
    home: Option<PathBuf>,
) -> Option<PathBuf> {
    let usual = if cfg!(target_os = "macos") {
        "Library/Caches"
    } else {
        ".cache"
    };
    let candidates = [
        xdg.map(PathBuf::from),
        local.map(PathBuf::from),
        home.map(|home| home.join(usual)),
    ];
    let dir = candidates
        .into_iter()
        .flatten()
        .find(|dir| dir.is_absolute())?;
    Some(dir.join("lenet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn the_cache_is_where_xdg_says() {
        let dir = |xdg: Option<&str>, home: Option<&str>| {
            dir_among(xdg.map(Into::into), None, home.map(Into::into))
        };
        assert_eq!(dir(Some("/x"), Some("/h")), Some("/x/lenet".into()));
        let usual = if cfg!(target_os = "macos") {
            "/h/Library/Caches/lenet"
        } else {
            "/h/.cache/lenet"
        };
        for unset in [None, Some(""), Some("relative")] {
            assert_eq!(dir(unset, Some("/h")), Some(usual.into()));
        }
        assert_eq!(dir(None, None), None);
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache {
            dir: root.path().join("mnist"),
        };
        let path = cache.dir.join("t10k-labels-idx1-ubyte");
        for labels in [vec![1, 2, 3], vec![4]] {
            let file = IdxFile {
                path: PathBuf::new(),
                sum: crate::hash::Sum::of(&[]),
                bytes: labels,
            };
            cache.write(Part::TestLabels, &file).unwrap();
            assert_eq!(idx::read_labels(&path).unwrap(), file.bytes);
        }
        assert_eq!(fs::read_dir(&cache.dir).unwrap().count(), 1);
    }
}
