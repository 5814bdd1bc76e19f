//! A trained network from a weights file, with the transform it was trained with.

use anyhow::Context;
use candle_core::Device;
use lenet_data::{Normalize, Transform};
use lenet_nn::models::Model;
use lenet_nn::weights::{self, Metadata};
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::Key;

use crate::args::WeightsArgs;
use crate::exit::Usage;

/// A network that is ready to be used.
pub(crate) struct Trained {
    pub(crate) kind: ModelKind,
    pub(crate) model: Box<dyn Model>,
    pub(crate) device: Device,
    /// What the file says the pixels were normalised by; the outer `None` is a
    /// file that does not say.
    normalize: Option<Option<Normalize>>,
    wanted: bool,
}

impl Trained {
    /// Reads the file and builds the network that it says, or that was asked for.
    pub(crate) fn load(args: &WeightsArgs) -> anyhow::Result<Self> {
        set_threads(args.threads)?;
        let path = &args.weights;
        let metadata = weights::metadata(path)?;
        let kind = match (&metadata, args.model) {
            (Some(metadata), wanted) => said(metadata, wanted, path)?,
            (None, wanted) => wanted.unwrap_or_default(),
        };
        let flavour = match (&metadata, args.flavour) {
            (Some(metadata), None) if !metadata.flavour.is_empty() => {
                let parsed = metadata.flavour.parse().map_err(anyhow::Error::msg);
                parsed.with_context(|| path.display().to_string())?
            }
            (_, wanted) => wanted.unwrap_or_default(),
        };
        let device = args.device.open()?;
        // Every value comes from the file; the key is only what builds the store.
        let parameters = Parameters::new(Key::from_seed(0), &device);
        let model = kind.build(flavour, &parameters)?;
        weights::load(path, &parameters)?;
        let normalize = metadata.map(|m| m.normalize.map(|(mean, std)| Normalize { mean, std }));
        Ok(Self {
            kind,
            model,
            device,
            normalize,
            wanted: !args.no_normalize,
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
}

/// The model that the file names, which an explicit one may not contradict.
fn said(
    metadata: &Metadata,
    wanted: Option<ModelKind>,
    path: &std::path::Path,
) -> anyhow::Result<ModelKind> {
    let kind: ModelKind = metadata
        .model
        .parse()
        .with_context(|| path.display().to_string())?;
    match wanted {
        // Both are one network, under the same names.
        Some(ModelKind::Lenet5 | ModelKind::Lenet5Sequential)
            if matches!(kind, ModelKind::Lenet5 | ModelKind::Lenet5Sequential) =>
        {
            Ok(wanted.unwrap_or(kind))
        }
        Some(wanted) if wanted != kind => anyhow::bail!(
            "{}: holds weights of {kind}, not of {wanted}: leave --model out, or give another file",
            path.display()
        ),
        _ => Ok(kind),
    }
}

/// Sets the number of threads for everything that runs from here on.
pub(crate) fn set_threads(threads: Option<usize>) -> anyhow::Result<()> {
    if let Some(threads) = threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Usage(format!("--threads {threads}: {error}")))?;
    }
    Ok(())
}
