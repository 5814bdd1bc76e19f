//! A trained network from a weights file, with the transform it was trained with.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use candle_core::{Device, Tensor};
use lenet_data::{Dataset, DatasetName, Normalize, Transform};
use lenet_nn::loss::softmax;
use lenet_nn::models::{Flavour, Model};
use lenet_nn::weights::{Metadata, WeightsFile};
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::reduce::{all_finite, argmax};
use lenet_tensor::{Key, no_grad};
use lenet_train::checkpoint::is_checkpoint;

use crate::args::{UsageArgs, WeightsArgs};
use crate::builtin;
use crate::printer::Printer;
use crate::threads;

/// A network that is ready to be used.
pub(crate) struct Trained {
    /// The file.
    pub(crate) path: PathBuf,
    pub(crate) kind: ModelKind,
    pub(crate) flavour: Flavour,
    pub(crate) model: Box<dyn Model>,
    pub(crate) parameters: Parameters,
    pub(crate) device: Device,
    /// What the file says of itself; `None` for one of another program.
    pub(crate) metadata: Option<Metadata>,
    /// What the file says the pixels were normalised by; the outer `None` is a
    /// file that does not say.
    normalize: Option<Option<Normalize>>,
    wanted: bool,
    /// The data set that the file says it was trained on.
    dataset: Option<String>,
}

impl Trained {
    /// The network that the command line asks for, and its threads.
    pub(crate) fn load(args: &WeightsArgs, printer: &Printer) -> anyhow::Result<Self> {
        threads::set(args.usage.threads)?;
        Self::open(args.weights.as_deref(), &args.usage, printer)
    }

    /// Reads the file, or the weights in the program, and builds the network that they
    /// say, or that was asked for.
    pub(crate) fn open(
        weights: Option<&Path>,
        args: &UsageArgs,
        printer: &Printer,
    ) -> anyhow::Result<Self> {
        let file = match weights {
            Some(path) => open(path)
                .context("--weights: expected a safetensors file, as `lenet train` writes it")?,
            None => builtin::weights(),
        };
        let path = file.path();
        let metadata = file.metadata()?;
        let said = metadata.clone().map(|m| Said::read(m, path)).transpose()?;
        let kind = kind(said.as_ref(), args.model, path)?;
        let flavour = flavour(said.as_ref(), args.flavour, path)?;
        let device = args.device.open()?;
        // Every value comes from the file; the key is only what builds the store.
        let parameters = Parameters::new(Key::from_seed(0), &device);
        let model = kind.build(flavour, &parameters)?;
        let loaded = file.load(&parameters)?;
        printer.converted(path, &loaded);
        Ok(Self {
            path: path.to_owned(),
            kind,
            flavour,
            model,
            parameters,
            device,
            metadata,
            normalize: said.as_ref().map(|said| said.normalize),
            wanted: !args.no_normalize,
            dataset: said.map(|said| said.dataset),
        })
    }

    /// From bytes to the network's input: as the file says, else as asked for,
    /// with `usual` for the data at hand.
    pub(crate) fn transform(&self, usual: Normalize) -> Transform {
        let asked = self.wanted.then_some(usual);
        Transform {
            normalize: self.normalize.unwrap_or(asked),
            padding: self.kind.padding(),
        }
    }

    /// What the network says of an image of 28×28 bytes; `usual` as for
    /// [`Trained::transform`].
    pub(crate) fn read(&self, pixels: &[u8], usual: Normalize) -> anyhow::Result<Reading> {
        let logits = no_grad(|| self.model.forward_t(&self.input(pixels, usual)?, false))?;
        let logits = logits.flatten_all()?.to_vec1::<f32>()?;
        if !all_finite(&logits) {
            return Err(lenet_train::Error::NotFinite("a logit").into());
        }
        Ok(Reading {
            digit: argmax(&logits).context("the network gave no output")?,
            probabilities: softmax(&logits),
            logits,
        })
    }

    /// An image of 28×28 bytes as the network takes it: a batch of one.
    pub(crate) fn input(&self, pixels: &[u8], usual: Normalize) -> candle_core::Result<Tensor> {
        let transform = self.transform(usual);
        let side = transform.side();
        let values = transform.apply(pixels).map_err(candle_core::Error::wrap)?;
        Tensor::from_vec(values, (1, 1, side, side), &self.device)
    }

    /// Warns where the network is tested on what it was trained on, or on what it knows
    /// nothing of.
    pub(crate) fn warn_of_data(&self, data: &Dataset, printer: &Printer) {
        let trained_on = self.dataset.as_ref().and_then(|name| name.parse().ok());
        if let Some(other) = trained_on.filter(|&name| are_others(name, data.name)) {
            printer.warn(&format!(
                "this network was trained on {other}, the data are {}: what its classes stand \
                 for differs",
                data.name
            ));
        }
        let mnist = DatasetName::Mnist.to_string();
        if data.name == DatasetName::Sample && self.dataset.as_ref() == Some(&mnist) {
            printer.warn(
                "the sample's digits are of MNIST's training set, which this network was \
                 trained on: it does better on them than on new ones",
            );
        }
    }
}

/// Opens a weights file; a run's checkpoint, which holds more, is told for what it is.
pub(crate) fn open(path: &Path) -> anyhow::Result<WeightsFile> {
    let file = WeightsFile::open(path)?;
    if is_checkpoint(file.bytes()) {
        anyhow::bail!(
            "{}: this is a checkpoint of a run; give RUN/model.safetensors or \
             RUN/checkpoints/best/model.safetensors",
            path.display()
        );
    }
    Ok(file)
}

/// Whether these two are known to be of other things: digits or clothing. Files of one's
/// own may hold either.
fn are_others(a: DatasetName, b: DatasetName) -> bool {
    let is_clothing = |name| match name {
        DatasetName::Mnist | DatasetName::Sample => Some(false),
        DatasetName::FashionMnist => Some(true),
        DatasetName::Idx => None,
    };
    is_clothing(a)
        .zip(is_clothing(b))
        .is_some_and(|(a, b)| a != b)
}

/// What a network says of an image.
pub(crate) struct Reading {
    pub(crate) digit: usize,
    pub(crate) probabilities: Vec<f64>,
    /// Log-probabilities for a network that gives those.
    pub(crate) logits: Vec<f32>,
}

/// What a file's metadata say, checked.
struct Said {
    kind: ModelKind,
    /// `None` where a file of another program leaves it out.
    flavour: Option<Flavour>,
    normalize: Option<Normalize>,
    dataset: String,
}

impl Said {
    /// What is wrong is the file's fault and not the command line's: it is told
    /// as text, so that no typed error asks for the exit code of usage.
    fn read(metadata: Metadata, path: &Path) -> anyhow::Result<Self> {
        let path = path.display();
        let kind: ModelKind = (metadata.model.parse()).map_err(|e| anyhow!("{path}: {e}"))?;
        let flavour = match metadata.flavour.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|e| anyhow!("{path}: {e}"))?),
        };
        if flavour == Some(Flavour::Of1998) && kind != ModelKind::Lenet5On32 {
            anyhow::bail!(
                "{path}: its metadata say {kind} of the 1998 flavour, which there is not"
            );
        }
        if let Some((mean, std)) = metadata.normalize
            && !(mean.is_finite() && std.is_finite() && std > 0.0)
        {
            anyhow::bail!(
                "{path}: its metadata say that pixels are normalized by mean {mean} and standard \
                 deviation {std}: expected finite numbers, the latter above 0"
            );
        }
        Ok(Self {
            kind,
            flavour,
            normalize: metadata
                .normalize
                .map(|(mean, std)| Normalize { mean, std }),
            dataset: metadata.dataset,
        })
    }
}

/// The model that the file names, which an explicit one may not contradict.
fn kind(said: Option<&Said>, wanted: Option<ModelKind>, path: &Path) -> anyhow::Result<ModelKind> {
    let Some(Said { kind, .. }) = said else {
        return Ok(wanted.unwrap_or_default());
    };
    // Both are one network, under the same names.
    let twins = [ModelKind::Lenet5, ModelKind::Lenet5Sequential];
    match wanted {
        Some(wanted) if twins.contains(&wanted) && twins.contains(kind) => Ok(wanted),
        Some(wanted) if wanted != *kind => anyhow::bail!(
            "{}: holds weights of {kind}, not of {wanted}: leave --model (LENET_MODEL) out, or give another file",
            path.display()
        ),
        _ => Ok(*kind),
    }
}

/// The flavour likewise: both have the same shapes, so nothing else would tell.
fn flavour(said: Option<&Said>, wanted: Option<Flavour>, path: &Path) -> anyhow::Result<Flavour> {
    match (said.and_then(|said| said.flavour), wanted) {
        (Some(said), Some(wanted)) if wanted != said => anyhow::bail!(
            "{}: holds weights of the {said} flavour, not of {wanted}: leave --flavour \
             (LENET_FLAVOUR) out, or give another file",
            path.display()
        ),
        (said, wanted) => Ok(said.or(wanted).unwrap_or_default()),
    }
}
