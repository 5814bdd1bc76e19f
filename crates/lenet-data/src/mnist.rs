//! What MNIST and the sets in its form have in common: four files, 28×28
//! bytes an image, ten classes; and the published hashes by which two of them
//! are known.

use crate::error::{Error, Fault, Result};
use crate::hash::Sum;
use crate::idx::IdxFile;
use crate::name::DatasetName;

/// Rows and columns of an image.
pub(crate) const SIDE: usize = 28;
/// Bytes of an image.
pub(crate) const PIXELS: usize = SIDE * SIDE;
/// Labels are `0..CLASSES`.
pub(crate) const CLASSES: u8 = 10;

/// What an IDX file of such a set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Images,
    Labels,
}

/// One of the four files of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    TrainImages,
    TrainLabels,
    TestImages,
    TestLabels,
}

impl Part {
    /// The order in which the files are kept, fetched and hashed.
    pub(crate) const ALL: [Self; 4] = [
        Self::TrainImages,
        Self::TrainLabels,
        Self::TestImages,
        Self::TestLabels,
    ];

    /// The file's published name, unpacked.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte",
            Self::TrainLabels => "train-labels-idx1-ubyte",
            Self::TestImages => "t10k-images-idx3-ubyte",
            Self::TestLabels => "t10k-labels-idx1-ubyte",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::TrainImages | Self::TestImages => Kind::Images,
            Self::TrainLabels | Self::TestLabels => Kind::Labels,
        }
    }
}

/// A data set that is known by the sha256 of its four unpacked files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published {
    pub(crate) name: DatasetName,
    /// In the order of [`Part::ALL`].
    pub(crate) sums: [Sum; 4],
}

impl Published {
    /// The published sets there are.
    pub(crate) const ALL: [Self; 2] = [MNIST, FASHION_MNIST];

    /// The published set of that name, if it is one.
    pub(crate) fn of(name: DatasetName) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.name == name)
    }

    pub(crate) fn sum(&self, part: Part) -> Sum {
        self.sums[part as usize]
    }

    /// Whether `file` is this set's `part`, byte for byte.
    ///
    /// # Errors
    /// [`Error::File`] that says what it is instead, if that is known.
    pub(crate) fn check(&self, part: Part, file: &IdxFile) -> Result<()> {
        if file.sum == self.sum(part) {
            return Ok(());
        }
        let hint = match Self::find(file.sum) {
            Some((name, found)) if name == self.name => {
                format!(" (it is {}: are two files swapped?)", found.file())
            }
            Some((name, found)) => format!(" (it is {name}'s {})", found.file()),
            None => String::new(),
        };
        let fault = Fault::Hash {
            name: self.name,
            file: part.file(),
            found: file.sum.to_string(),
            expected: self.sum(part).to_string(),
            hint,
        };
        Err(Error::File {
            path: file.path.clone(),
            fault,
        })
    }

    /// The published file with that hash, of whichever set.
    fn find(sum: Sum) -> Option<(DatasetName, Part)> {
        Self::ALL.into_iter().find_map(|set| {
            let part = Part::ALL.into_iter().find(|&part| set.sum(part) == sum)?;
            Some((set.name, part))
        })
    }
}

const MNIST: Published = Published {
    name: DatasetName::Mnist,
    sums: [
        Sum::from_hex("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        Sum::from_hex("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        Sum::from_hex("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        Sum::from_hex("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ],
};

const FASHION_MNIST: Published = Published {
    name: DatasetName::FashionMnist,
    sums: [
        Sum::from_hex("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        Sum::from_hex("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        Sum::from_hex("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        Sum::from_hex("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ],
};
