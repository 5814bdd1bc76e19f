//! A folder of checkpoints: the last one and the one before it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use lenet_nn::weights::write_whole;

use super::{Checkpoint, file};
use crate::error::{Error, Result};

const LAST: &str = "checkpoint.safetensors";
const BEFORE: &str = "previous.safetensors";

/// The folder of a run's last two checkpoints.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    /// Whether what lies there is of another run.
    foreign: AtomicBool,
    /// Whether the last one is known to be no good.
    damaged: AtomicBool,
}

/// A checkpoint that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Why it is not the last one, where it is not.
    pub fell_back: Option<String>,
}

impl Checkpoints {
    /// Those in this folder, to go on from.
    pub fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            foreign: AtomicBool::new(false),
            damaged: AtomicBool::new(false),
        }
    }

    /// For a new run. The folder is made with the first checkpoint, and what another run
    /// left there goes with it.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            foreign: AtomicBool::new(true),
            damaged: AtomicBool::new(false),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is a file of a checkpoint, whole or not.
    pub fn exist(&self) -> bool {
        [LAST, BEFORE]
            .iter()
            .any(|name| self.folder.join(name).exists())
    }

    /// Writes a checkpoint. It is a whole file, beside the others and on the disk,
    /// before it takes the last one's name; that one then is the one before. A crash at
    /// any moment leaves one of them whole.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] that names the file.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        let last = self.folder.join(LAST);
        let failed = |reason: String| Error::Checkpoint {
            path: last.clone(),
            reason,
        };
        let bytes = file::to_bytes(checkpoint).map_err(failed)?;
        let written = fs::create_dir_all(&self.folder).and_then(|()| {
            let next = self.folder.join("next.safetensors");
            write_whole(&next, &bytes)?;
            if self.foreign.swap(false, Ordering::Relaxed) {
                remove(&self.folder.join(BEFORE))?;
            } else if last.exists() && !self.damaged.load(Ordering::Relaxed) {
                fs::rename(&last, self.folder.join(BEFORE))?;
            }
            fs::rename(&next, &last)?;
            self.damaged.store(false, Ordering::Relaxed);
            sync(&self.folder)
        });
        written.map_err(|error| failed(error.to_string()))
    }

    /// Reads the last checkpoint, or where that one is damaged or gone the one before;
    /// a damaged one then does not take that one's place.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where neither can be read.
    pub fn load(&self) -> Result<Loaded> {
        let path = self.folder.join(LAST);
        let reason = match file::read(&path) {
            Ok(checkpoint) => {
                return Ok(Loaded {
                    checkpoint,
                    fell_back: None,
                });
            }
            Err(reason) => reason,
        };
        match file::read(&self.folder.join(BEFORE)) {
            Ok(checkpoint) => {
                self.damaged.store(true, Ordering::Relaxed);
                Ok(Loaded {
                    checkpoint,
                    fell_back: Some(format!("{}: {reason}", path.display())),
                })
            }
            Err(before) if self.folder.join(BEFORE).exists() => Err(Error::Checkpoint {
                path,
                reason: format!("{reason}; the one before it: {before}"),
            }),
            Err(_) => Err(Error::Checkpoint { path, reason }),
        }
    }
}

fn remove(file: &Path) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Renames are on the disk once the folder is.
fn sync(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}
