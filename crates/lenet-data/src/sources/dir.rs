//! A folder with the four files, as people have them: packed or not, in
//! torchvision's `MNIST/raw/`, or under the names some archives give them.

use std::path::{Path, PathBuf};

use super::Watcher;
use crate::dataset::{Dataset, Origin};
use crate::error::{Error, Fault, Result};
use crate::idx::IdxFile;
use crate::mnist::{Part, Published};
use crate::name::{Choice, DatasetName};

/// What lies in `dir`, as `choice` asks for it.
pub(super) fn load(
    dir: &Path,
    choice: Choice,
    sets: &[Published],
    watcher: &mut dyn Watcher,
) -> Result<Dataset> {
    let (dir, [a, b, c, d]) = locate(dir, choice)?;
    let read = |part: Part, path: &Path| {
        let file = IdxFile::open(part.kind(), path)?;
        match choice {
            Choice::Only(name) => match sets.iter().find(|set| set.name == name) {
                Some(set) => set.check(part, &file).map(|()| file),
                None => Ok(file),
            },
            Choice::Auto => Ok(file),
        }
    };
    let [pa, pb, pc, pd] = Part::ALL;
    let files = [read(pa, &a)?, read(pb, &b)?, read(pc, &c)?, read(pd, &d)?];
    let name = match choice {
        Choice::Only(name) => name,
        Choice::Auto => recognize(&files, sets, watcher)?,
    };
    Dataset::new(name, Origin::Folder(dir), files)
}

/// The published set that the four files are, else `idx`.
fn recognize(
    files: &[IdxFile; 4],
    sets: &[Published],
    watcher: &mut dyn Watcher,
) -> Result<DatasetName> {
    for set in sets {
        let is_own = |(part, file): (Part, &IdxFile)| set.sum(part) == file.sum;
        let own = Part::ALL
            .into_iter()
            .zip(files)
            .filter(|&pair| is_own(pair))
            .count();
        if own == files.len() {
            return Ok(set.name);
        }
        for (part, file) in Part::ALL.into_iter().zip(files) {
            if let Some(found) = Part::ALL.into_iter().find(|&p| set.sum(p) == file.sum)
                && found != part
            {
                let fault = Fault::Misplaced {
                    name: set.name,
                    found: found.file(),
                    expected: part.file(),
                };
                return Err(Error::File {
                    path: file.path.clone(),
                    fault,
                });
            }
        }
        // Some of a known set beside something else: most likely an accident.
        if own > 0
            && let Some((_, other)) = Part::ALL.into_iter().zip(files).find(|&pair| !is_own(pair))
        {
            watcher.note(&format!(
                "{} is not {}'s, though other files beside it are: taking all four as data of your own (idx)",
                other.path.display(),
                set.name,
            ));
        }
    }
    Ok(DatasetName::Idx)
}

/// The folder at or below `dir` that holds files of a data set, and the four.
fn locate(dir: &Path, choice: Choice) -> Result<(PathBuf, [PathBuf; 4])> {
    let fail = |problem: String| Error::Folder {
        dir: dir.to_owned(),
        problem,
    };
    if !dir.is_dir() {
        let what = if dir.exists() {
            "is a file"
        } else {
            "there is no such folder"
        };
        return Err(fail(format!(
            "{what}: expected a folder with the four IDX files"
        )));
    }
    let below: &[&str] = match choice {
        Choice::Only(DatasetName::Mnist) => &["", "MNIST/raw", "raw"],
        Choice::Only(DatasetName::FashionMnist) => &["", "FashionMNIST/raw", "raw"],
        Choice::Only(_) | Choice::Auto => &["", "MNIST/raw", "FashionMNIST/raw", "raw"],
    };
    for folder in below.iter().map(|below| dir.join(below)) {
        let found = Part::ALL.map(|part| find(&folder, part));
        match found {
            [Some(a), Some(b), Some(c), Some(d)] => return Ok((tidy(&folder), [a, b, c, d])),
            [None, None, None, None] => {}
            _ => {
                let parts = Part::ALL.into_iter().zip(&found);
                let missing: Vec<&str> = parts
                    .filter(|(_, path)| path.is_none())
                    .map(|(part, _)| part.file())
                    .collect();
                let is = if missing.len() == 1 { "is" } else { "are" };
                return Err(Error::Folder {
                    dir: tidy(&folder),
                    problem: format!("{} (or .gz) {is} missing", missing.join(", ")),
                });
            }
        }
    }
    let names = Part::ALL.map(Part::file).join(", ");
    let below = below.iter().filter(|below| !below.is_empty()).copied();
    let below = below.collect::<Vec<_>>().join(", ");
    Err(fail(format!(
        "holds no IDX files, nor does {below} below it: expected {names} (or .gz)"
    )))
}

/// The folder at or below `dir` that holds files of that data set, all or some of
/// them, else `dir` itself.
pub(super) fn folder(dir: &Path, name: DatasetName) -> PathBuf {
    match locate(dir, Choice::Only(name)) {
        Ok((folder, _)) | Err(Error::Folder { dir: folder, .. }) => folder,
        Err(_) => dir.to_owned(),
    }
}

/// `dir/` joined with nothing ends in a slash that nobody typed.
fn tidy(dir: &Path) -> PathBuf {
    dir.components().collect()
}

/// The file of that part, unpacked before packed. Some archives write a dot
/// for the name's last hyphen but one: `train-images.idx3-ubyte`.
pub(super) fn find(folder: &Path, part: Part) -> Option<PathBuf> {
    let published = part.file();
    let dotted = published.replacen("-idx", ".idx", 1);
    [
        published.to_owned(),
        dotted.clone(),
        format!("{published}.gz"),
        format!("{dotted}.gz"),
    ]
    .into_iter()
    .map(|name| folder.join(name))
    .find(|path| path.is_file())
}

/// What [`verify`] found out about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file, or where it should be.
    pub path: PathBuf,
    /// The sha256 of its unpacked bytes; `None` if it is no whole IDX file.
    pub sha256: Option<String>,
    /// The published sha256.
    pub expected: String,
    /// What is the matter with it: one line that names the file, and `None` if
    /// it is the published one.
    pub problem: Option<String>,
}

impl FileReport {
    /// Whether it is the published file.
    pub fn is_ok(&self) -> bool {
        self.problem.is_none()
    }
}

/// Compares the four files at or below `dir` with the published ones of `name`,
/// in the order training images, training labels, test images, test labels.
///
/// # Errors
/// [`Error::NotPublished`] for `sample` and `idx`. What is wrong with a file, or
/// that it is missing, stands in its report.
pub fn verify(name: DatasetName, dir: &Path) -> Result<Vec<FileReport>> {
    let set = Published::of(name).ok_or(Error::NotPublished(name))?;
    let folder = folder(dir, name);
    Ok(Part::ALL.map(|part| report(&set, part, &folder)).into())
}

fn report(set: &Published, part: Part, folder: &Path) -> FileReport {
    let path = find(folder, part).unwrap_or_else(|| folder.join(part.file()));
    let opened = IdxFile::open(part.kind(), &path);
    let checked = opened.as_ref().map(|file| set.check(part, file));
    FileReport {
        sha256: opened.as_ref().ok().map(|file| file.sum.to_string()),
        expected: set.sum(part).to_string(),
        problem: match &checked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        },
        path,
    }
}
