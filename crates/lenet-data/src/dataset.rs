//! A data set in memory: training and test split, and where they came from.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Fault, Result};
use crate::hash::Sum;
use crate::idx::IdxFile;
use crate::mnist::PIXELS;
use crate::name::DatasetName;
use crate::split::Split;
use crate::transform::Normalize;

/// A data set, whole and checked.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What it is: `mnist` and `fashion-mnist` only where the hashes say so.
    pub name: DatasetName,
    /// What to train on; never empty.
    pub train: Split,
    /// What to test on; never empty.
    pub test: Split,
    /// Where it came from.
    pub origin: Origin,
    /// Names the data: the sha256, in hexadecimal, over the sha256 (32 bytes
    /// each) of the four unpacked files: training images, training labels, test
    /// images, test labels.
    pub sha256: String,
}

/// Where a data set came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This folder, which was asked for.
    Folder(PathBuf),
    /// This folder of the cache.
    Cache(PathBuf),
    /// This address, just now.
    Network(String),
    /// This library itself.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(dir) => write!(f, "{}", dir.display()),
            Self::Cache(dir) => write!(f, "cache {}", dir.display()),
            Self::Network(address) => write!(f, "downloaded from {address}"),
            Self::BuiltIn => f.write_str("built-in sample"),
        }
    }
}

impl Dataset {
    /// The four files, in the order of [`crate::mnist::Part::ALL`], as a data
    /// set of that name.
    pub(crate) fn new(name: DatasetName, origin: Origin, files: [IdxFile; 4]) -> Result<Self> {
        let sums = files.each_ref().map(|file| file.sum);
        let [train_images, train_labels, test_images, test_labels] = files;
        Ok(Self {
            name,
            train: pair(train_images, train_labels)?,
            test: pair(test_images, test_labels)?,
            origin,
            sha256: Sum::over(&sums).to_string(),
        })
    }

    /// Mean and standard deviation to normalize with: the customary ones of
    /// MNIST (for the sample, too) and of Fashion-MNIST; of other data those of
    /// their own training images.
    pub fn normalize(&self) -> Normalize {
        match self.name {
            DatasetName::Mnist | DatasetName::Sample => Normalize::MNIST,
            DatasetName::FashionMnist => Normalize::FASHION_MNIST,
            DatasetName::Idx => Normalize::of(self.train.images()),
        }
    }
}

fn pair(images: IdxFile, labels: IdxFile) -> Result<Split> {
    let [image_count, label_count] = [images.bytes.len() / PIXELS, labels.bytes.len()];
    if image_count != label_count {
        return Err(Error::Count {
            images: images.path,
            image_count,
            labels: labels.path,
            label_count,
        });
    }
    if image_count == 0 {
        return Err(Error::File {
            path: images.path,
            fault: Fault::Empty,
        });
    }
    Split::new(images.bytes, labels.bytes)
}
