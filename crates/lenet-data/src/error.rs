//! What can go wrong on the way from files to batches, each as one line that
//! names the file, what was found, what was expected and what to do.

use std::path::PathBuf;

use crate::name::DatasetName;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What stopped a data set from being loaded, cut or batched.
///
/// The text of an error is complete: it has no source that would have to be
/// printed beside it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is there but is not what its place asks for.
    #[error("{}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is the matter with it.
        fault: Fault,
    },
    /// A folder that was asked for does not hold the four files.
    #[error("{}: {problem}", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What is missing, and what was looked for.
        problem: String,
    },
    /// Images and labels do not belong together.
    #[error(
        "{}: holds {image_count} images, but {} holds {label_count} labels: expected as many",
        images.display(), labels.display()
    )]
    Count {
        /// The image file.
        images: PathBuf,
        /// How many images it holds.
        image_count: usize,
        /// The label file.
        labels: PathBuf,
        /// How many labels it holds.
        label_count: usize,
    },
    /// Neither cache nor network has the data set.
    #[error("{name}: {why}")]
    Unavailable {
        /// The data set.
        name: DatasetName,
        /// Why the cache and each source in the network was of no use.
        why: String,
    },
    /// A file of the cache is damaged and could not be replaced.
    #[error(
        "{}: {fault}; it could not be fetched again ({why}): fetch it where there is a network, or delete it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is the matter with it.
        fault: Box<Fault>,
        /// Why the network was of no use.
        why: String,
    },
    /// A file could not be written.
    #[error("{}: cannot be written: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// `fetch` has no place to put the files.
    #[error("there is no cache folder to put {0} into: set XDG_CACHE_HOME or HOME")]
    NoCache(DatasetName),
    /// `idx` was asked for without a folder.
    #[error("data set `idx` needs a folder with the four IDX files: set `data_dir`")]
    NeedsDataDir,
    /// `fetch` or `verify` of a data set that nobody publishes.
    #[error(
        "`{0}` has no published files to fetch or compare with: expected mnist or fashion-mnist"
    )]
    NotPublished(DatasetName),
    /// A word that names no data set.
    #[error("unknown data set `{found}`: expected one of {expected}")]
    UnknownName {
        /// The word.
        found: String,
        /// The names there are.
        expected: &'static str,
    },
    /// Bytes that are not whole images.
    #[error("{bytes} bytes of pixels are not whole images of 28×28 = 784 bytes")]
    Pixels {
        /// How many bytes there are.
        bytes: usize,
    },
    /// A split whose images and labels differ in number.
    #[error("{images} images but {labels} labels: expected as many")]
    Unpaired {
        /// How many images there are.
        images: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// A label that is no digit.
    #[error("label {label} at index {index}: expected 0 to 9")]
    Label {
        /// The label.
        label: u8,
        /// The sample it belongs to.
        index: usize,
    },
    /// A share that leaves one side of a split empty.
    #[error(
        "a share of {share} of {samples} samples leaves one side empty: expected both to have one at least"
    )]
    Share {
        /// The share asked for.
        share: f64,
        /// How many samples there are to share.
        samples: usize,
    },
    /// A loader for batches of no samples.
    #[error("batch size 0: expected 1 at least")]
    BatchSize,
    /// candle could not make a batch's tensor.
    #[error("batch: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    /// True where the request is at fault and not the data: a wrong name, a
    /// batch size of 0, `idx` without a folder. A program that tells usage
    /// errors from bad data by its exit code asks this.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::NeedsDataDir
            | Self::NotPublished(_)
            | Self::UnknownName { .. }
            | Self::Share { .. }
            | Self::BatchSize => true,
            Self::File { .. }
            | Self::Folder { .. }
            | Self::Count { .. }
            | Self::Unavailable { .. }
            | Self::Damaged { .. }
            | Self::Write { .. }
            | Self::NoCache(_)
            | Self::Pixels { .. }
            | Self::Unpaired { .. }
            | Self::Label { .. }
            | Self::Tensor(_) => false,
        }
    }
}

/// What is the matter with one file. Its text follows the file's path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system could not read it.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It ends within its header.
    #[error(
        "ends after {found} bytes, within the {expected} bytes of its IDX header: the file is cut short"
    )]
    Header {
        /// How many bytes there are.
        found: usize,
        /// The length of the header.
        expected: usize,
    },
    /// It is some other kind of file.
    #[error(
        "is not an IDX file of {expected}: it starts with {found:#010x}, expected magic {magic} ({magic:#010x})"
    )]
    Foreign {
        /// Its first four bytes, as a big-endian number.
        found: u32,
        /// What it should hold.
        expected: &'static str,
        /// The number it should start with.
        magic: u32,
    },
    /// Images where labels are expected, or the reverse.
    #[error(
        "this is {found} (magic {found_magic}), expected {expected} (magic {magic}): are two files swapped?"
    )]
    WrongKind {
        /// What it is.
        found: &'static str,
        /// The number it starts with.
        found_magic: u32,
        /// What it should hold.
        expected: &'static str,
        /// The number it should start with.
        magic: u32,
    },
    /// Images of another size.
    #[error("its images are {rows}×{columns}, expected 28×28")]
    ImageSize {
        /// Rows of an image.
        rows: u32,
        /// Columns of an image.
        columns: u32,
    },
    /// Its header promises another length than it has.
    #[error("{}", wrong_length(*.count, *.expected, *.found))]
    Length {
        /// How many items the header promises.
        count: u32,
        /// The length the file should have, unpacked, in bytes.
        expected: u64,
        /// The length it has; of packed data no more than one byte too many is
        /// ever read.
        found: u64,
    },
    /// Packed data that claims to be larger than any data set of this kind.
    #[error(
        "its header promises {expected} bytes, more than the {limit} that are unpacked from gzip: unpack the file first if it is really that large"
    )]
    TooLarge {
        /// The length promised, in bytes.
        expected: u64,
        /// The most that is unpacked.
        limit: u64,
    },
    /// More than this machine has room for.
    #[error("its {0} bytes do not fit in memory")]
    Memory(u64),
    /// Packed data that cannot be unpacked.
    #[error("its gzip data is damaged or cut short ({0}): get the file again")]
    Gzip(std::io::Error),
    /// It holds nothing.
    #[error("holds no samples: expected 1 at least")]
    Empty,
    /// A label that is no digit.
    #[error("label {label} at index {index}: expected 0 to 9")]
    Label {
        /// The label.
        label: u8,
        /// Where it stands among the labels.
        index: usize,
    },
    /// Not the published bytes.
    #[error(
        "is not {name}'s {file}: sha256 of its unpacked bytes is {found}, expected {expected}{hint}"
    )]
    Hash {
        /// The data set.
        name: DatasetName,
        /// The published file.
        file: &'static str,
        /// The hash of what was found.
        found: String,
        /// The published hash.
        expected: String,
        /// What it is instead, if that is known; else empty.
        hint: String,
    },
    /// A published file in another one's place.
    #[error("is {name}'s {found}, expected {expected}: are two files swapped?")]
    Misplaced {
        /// The data set.
        name: DatasetName,
        /// The published file that it is.
        found: &'static str,
        /// The published file that belongs here.
        expected: &'static str,
    },
}

fn wrong_length(count: u32, expected: u64, found: u64) -> String {
    if found < expected {
        format!(
            "is {found} bytes long, expected {expected} for the {count} items of its header: the file is cut short"
        )
    } else {
        format!("has trailing bytes: expected {expected} for the {count} items of its header")
    }
}
