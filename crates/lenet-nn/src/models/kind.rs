//! The networks by name.

use std::fmt;
use std::str::FromStr;

use super::{ArticleSequential, ConvNet, Lenet5, Lenet5On32, Lenet5Plus, Lenet5Sequential, Model};
use crate::error::{Error, Result};
use crate::loss::Loss;
use crate::params::Parameters;

/// Which network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// [`Lenet5`].
    #[default]
    Lenet5,
    /// [`Lenet5Sequential`].
    Lenet5Sequential,
    /// [`Lenet5On32`].
    Lenet5On32,
    /// [`Lenet5Plus`].
    Lenet5Plus,
    /// [`ArticleSequential`].
    ArticleSequential,
    /// [`ConvNet`].
    ConvNet,
}

/// Today's LeNet-5 (ReLU, max-pool) or that of 1998 (tanh, average-pool).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// ReLU and max-pool.
    #[default]
    Modern,
    /// Tanh and average-pool; [`Lenet5On32`] alone has it.
    Of1998,
}

impl ModelKind {
    /// All of them, the default first.
    pub const ALL: [Self; 6] = [
        Self::Lenet5,
        Self::Lenet5Sequential,
        Self::Lenet5On32,
        Self::Lenet5Plus,
        Self::ArticleSequential,
        Self::ConvNet,
    ];

    /// The name on the command line and in weights files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lenet5 => "lenet5",
            Self::Lenet5Sequential => "lenet5-sequential",
            Self::Lenet5On32 => "lenet5-32",
            Self::Lenet5Plus => "lenet5-plus",
            Self::ArticleSequential => "article-sequential",
            Self::ConvNet => "convnet",
        }
    }

    /// Builds the network, its variables drawn into `parameters`.
    ///
    /// # Errors
    /// [`Error::NoSuchFlavour`], or shapes that do not fit.
    pub fn build(self, flavour: Flavour, parameters: &Parameters) -> Result<Box<dyn Model>> {
        if flavour == Flavour::Of1998 && self != Self::Lenet5On32 {
            return Err(Error::NoSuchFlavour {
                model: self.name(),
                option: "1998",
                only: Self::Lenet5On32.name(),
            });
        }
        let vb = parameters.builder();
        Ok(match self {
            Self::Lenet5 => Box::new(Lenet5::new(vb)?),
            Self::Lenet5Sequential => Box::new(Lenet5Sequential::new(vb)?),
            Self::Lenet5On32 => Box::new(Lenet5On32::new(flavour, vb)?),
            Self::Lenet5Plus => Box::new(Lenet5Plus::new(parameters)?),
            Self::ArticleSequential => Box::new(ArticleSequential::new(vb)?),
            Self::ConvNet => Box::new(ConvNet::new(vb)?),
        })
    }

    /// Black pixels to add on each side of a 28×28 image before it goes in.
    pub fn padding(self) -> usize {
        match self {
            Self::Lenet5On32 => 2,
            _ => 0,
        }
    }

    /// The loss that belongs to the network's output.
    pub fn loss(self) -> Loss {
        match self {
            Self::ConvNet => Loss::NegativeLogLikelihood,
            _ => Loss::CrossEntropy,
        }
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ModelKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| Error::UnknownModel {
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).to_vec(),
        })
    }
}

impl Flavour {
    /// The name on the command line and in weights files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Of1998 => "1998",
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Flavour {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        match name {
            "modern" => Ok(Self::Modern),
            "1998" => Ok(Self::Of1998),
            _ => Err(format!("unknown flavour `{name}`: expected modern or 1998")),
        }
    }
}
