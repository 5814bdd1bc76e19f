//! `lenet export`: trained weights as a file for other programs, and a model card
//! beside it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use lenet_data::{DatasetName, Normalize};
use lenet_nn::card::ModelCard;
use lenet_nn::loss::Loss;
use lenet_nn::onnx::{self, Export};
use lenet_nn::weights::{self, Metadata};

use crate::args::{ExportArgs, Format};
use crate::exit::Usage;
use crate::printer::Printer;
use crate::trained::Trained;

pub(crate) fn run(args: &ExportArgs, printer: &Printer) -> anyhow::Result<()> {
    let target = Target::new(args)?;
    let trained = Trained::load(&args.trained, printer)?;
    let metadata = metadata(&trained);
    let dataset: DatasetName = metadata.dataset.parse().unwrap_or(DatasetName::Mnist);
    let outputs = match trained.kind.loss() {
        Loss::NegativeLogLikelihood => "log_probabilities",
        Loss::CrossEntropy => "logits",
    };
    let mut card = ModelCard::new(
        &metadata,
        trained.model.layers(),
        &trained.parameters,
        &dataset.classes(),
        outputs,
        target.format == Format::Onnx,
    )?;
    if trained.metadata.is_none() {
        let note = unsaid(&trained.path, &card);
        printer.warn(&note);
        card.notes.push(note);
    }
    match target.format {
        Format::Onnx => Export {
            name: trained.kind.name(),
            layers: trained.model.layers(),
            parameters: &trained.parameters,
            input_shape: [1, 28, 28],
            padding: metadata.padding,
            normalize: metadata.normalize,
            output: outputs,
            properties: &card.properties(),
        }
        .save(&target.file)?,
        Format::Safetensors => weights::save(&target.file, &trained.parameters, &metadata)?,
    }
    if let Some(old) = target.replaced.filter(|old| old.format != card.format) {
        printer.warn(&format!(
            "{}: was the card of the {} file of that name, and is now that of the {} file",
            target.card.display(),
            old.format,
            card.format
        ));
    }
    card.save(&target.card)?;
    printer.result(&format!(
        "{}: {}, {}",
        target.file.display(),
        trained.kind,
        match target.format {
            Format::Onnx => format!("ONNX with opset {}", onnx::OPSET),
            Format::Safetensors => "safetensors".to_owned(),
        }
    ))?;
    printer.result(&format!("{}: its model card", target.card.display()))
}

/// What the file will say of itself: what the weights file says, and where it says
/// nothing, what was asked for.
fn metadata(trained: &Trained) -> Metadata {
    let transform = trained.transform(Normalize::MNIST);
    Metadata {
        model: trained.kind.to_string(),
        flavour: trained.flavour.to_string(),
        normalize: transform.normalize.map(|n| (n.mean, n.std)),
        padding: transform.padding,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..trained.metadata.clone().unwrap_or_default()
    }
}

/// What is taken as given for a file that says nothing, and which flags change it.
fn unsaid(weights: &Path, card: &ModelCard) -> String {
    let architecture = &card.architecture;
    let pixels = match card.input.normalize {
        Some(n) => format!("normalized by mean {} and std {}", n.mean, n.std),
        None => "left in [0, 1]".to_owned(),
    };
    let name = weights.file_name().unwrap_or(weights.as_os_str());
    format!(
        "{} says nothing of itself: taken as {} of the {} flavour with pixels {pixels} \
         (--model, --flavour, --normalize and --no-normalize say otherwise); data set, \
         accuracy and seed are not known",
        name.display(),
        architecture.name,
        architecture.flavour
    )
}

/// Where to write, checked before anything is read or written.
struct Target {
    format: Format,
    file: PathBuf,
    card: PathBuf,
    /// The card that was there.
    replaced: Option<ModelCard>,
}

impl Target {
    fn new(args: &ExportArgs) -> anyhow::Result<Self> {
        let file = args.output.clone();
        let format = format(&file, args.format)?;
        let card = file.with_extension("json");
        if (args.trained.weights.as_deref()).is_some_and(|weights| is_same(&file, weights)) {
            return usage(&file, "is the --weights file itself: give another name");
        }
        for path in [&file, &card] {
            // Neither a folder nor a device is to be replaced by a file.
            if path.exists() && !path.is_file() {
                anyhow::bail!("--output {}: is there and is no file", path.display());
            }
        }
        if let Some(folder) = file.parent()
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            let folder = folder.display();
            anyhow::bail!("--output {}: there is no folder {folder}", file.display());
        }
        let replaced = if card.exists() {
            ModelCard::read(&card)?.map(Some).with_context(|| {
                format!(
                    "--output {}: its model card would replace {}, which is none: move that away, \
                     or give another name",
                    file.display(),
                    card.display()
                )
            })?
        } else {
            None
        };
        Ok(Self {
            format,
            file,
            card,
            replaced,
        })
    }
}

/// The format that was asked for, which the name may not contradict, or the name's.
fn format(file: &Path, wanted: Option<Format>) -> anyhow::Result<Format> {
    let ending = file.extension().unwrap_or_default();
    let named = [("onnx", Format::Onnx), ("safetensors", Format::Safetensors)]
        .into_iter()
        .find_map(|(name, format)| ending.eq_ignore_ascii_case(name).then_some(format));
    if file.file_name().is_none() || file == Path::new("-") {
        return usage(file, "expected a file's name");
    }
    if ending.eq_ignore_ascii_case("json") {
        return usage(file, "is where the model card would go: end it otherwise");
    }
    match (wanted, named) {
        (Some(wanted), Some(named)) if wanted != named => {
            usage(file, "does not end as --format says: change one of them")
        }
        (Some(format), _) | (None, Some(format)) => Ok(format),
        (None, None) => usage(
            file,
            "ends neither in .onnx nor in .safetensors: give --format onnx or safetensors",
        ),
    }
}

fn usage<T>(file: &Path, what: &str) -> anyhow::Result<T> {
    Err(Usage(format!("--output {}: {what}", file.display())).into())
}

/// Whether both names lead to one file that is there.
fn is_same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
