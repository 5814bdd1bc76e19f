//! The names of the data sets, as they are typed and written down.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A data set by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetName {
    /// MNIST: 60,000 and 10,000 handwritten digits, checked by hash.
    Mnist,
    /// Fashion-MNIST: as many pictures of clothing, checked by hash.
    FashionMnist,
    /// The built-in sample: 8,500 and 1,500 of MNIST's training digits.
    Sample,
    /// Any four IDX files of 28×28 bytes with labels 0 to 9.
    Idx,
}

/// Which data set to load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Choice {
    /// What lies in the data folder, else MNIST, else the built-in sample.
    #[default]
    Auto,
    /// This one or none.
    Only(DatasetName),
}

impl DatasetName {
    const ALL: [Self; 4] = [Self::Mnist, Self::FashionMnist, Self::Sample, Self::Idx];

    /// What the labels 0 to 9 stand for.
    pub fn classes(self) -> [&'static str; 10] {
        match self {
            Self::FashionMnist => [
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ],
            _ => ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Sample => "sample",
            Self::Idx => "idx",
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DatasetName {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let name = Self::ALL.into_iter().find(|name| name.as_str() == word);
        name.ok_or_else(|| Error::UnknownName {
            found: word.to_owned(),
            expected: "mnist, fashion-mnist, sample, idx",
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Only(name) => name.fmt(f),
        }
    }
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        if word == "auto" {
            return Ok(Self::Auto);
        }
        word.parse()
            .map(Self::Only)
            .map_err(|_| Error::UnknownName {
                found: word.to_owned(),
                expected: "auto, mnist, fashion-mnist, sample, idx",
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for name in DatasetName::ALL {
            assert_eq!(name.to_string().parse::<DatasetName>().unwrap(), name);
            assert_eq!(
                name.to_string().parse::<Choice>().unwrap(),
                Choice::Only(name)
            );
        }
        assert_eq!(
            Choice::Auto.to_string().parse::<Choice>().unwrap(),
            Choice::Auto
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "cifar".parse::<Choice>().unwrap_err();
        assert!(error.is_usage());
        assert_eq!(
            error.to_string(),
            "unknown data set `cifar`: expected one of auto, mnist, fashion-mnist, sample, idx"
        );
        let error = "auto".parse::<DatasetName>().unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("one of mnist, fashion-mnist, sample, idx")
        );
    }
}
