//! The card that goes with an exported model: what it is, what it takes, what it
//! gives, and where it comes from. `null` stands for what is not known.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::params::Parameters;
use crate::summary::LayerInfo;
use crate::weights::{Metadata, sha256, write_whole};

/// What a card says of itself, so that no other file is taken for one.
const CARD: &str = "lenet model card 1";

/// A model in words and numbers, for those who get its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    card: String,
    /// The format of the file that the card stands beside: `onnx` or `safetensors`.
    pub format: String,
    /// The network.
    pub architecture: Architecture,
    /// What goes in.
    pub input: Input,
    /// What comes out.
    pub output: Output,
    /// The classes' names, in the order of the outputs.
    pub classes: Vec<String>,
    /// The name of the data set that the model was trained on.
    pub dataset: Option<String>,
    /// Names those data; see [`Metadata::dataset_sha256`].
    pub dataset_sha256: Option<String>,
    /// The share of the test images that the model reads right, from 0 to 1.
    pub test_accuracy: Option<f64>,
    /// The seed of the training.
    pub seed: Option<u64>,
    /// The version of this crate that wrote the file.
    pub version: String,
    /// The parameters and buffers by [`sha256`].
    pub weights_sha256: String,
    /// What whoever uses the file should know besides.
    pub notes: Vec<String>,
}

/// A network by its layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    /// The model's name.
    pub name: String,
    /// The model's flavour.
    pub flavour: String,
    /// The number of values in all parameters, buffers left out.
    pub parameters: usize,
    /// The layers in their order.
    pub layers: Vec<CardLayer>,
}

/// A layer of [`Architecture`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardLayer {
    /// The name, which its parameters' names begin with.
    pub name: String,
    /// The layer with its settings.
    pub layer: String,
    /// The output's shape without the batch axis.
    pub output_shape: Vec<usize>,
    /// The number of values in its parameters.
    pub parameters: usize,
}

/// What an image has to be, and what is done to it before the first layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The input's name, for a format that names it.
    pub name: Option<String>,
    /// Always `float32`.
    pub dtype: String,
    /// One image, `[C, H, W]`; a batch axis of any size goes before it.
    pub image_shape: Vec<usize>,
    /// The smallest value of a pixel (black) and the largest (white).
    pub range: [f32; 2],
    /// Who prepares the image: `graph` or `caller`.
    pub prepared_by: String,
    /// First, black pixels are added on each of the four sides.
    pub padding: usize,
    /// Then the mean is taken off and what is left divided by the standard deviation;
    /// `null` leaves the pixels as they are.
    pub normalize: Option<MeanStd>,
}

/// Mean and standard deviation of pixels in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanStd {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
}

/// What comes out for each image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The output's name, for a format that names it.
    pub name: Option<String>,
    /// `logits` or `log_probabilities`.
    pub kind: String,
    /// The shape without the batch axis: one value a class.
    pub shape: Vec<usize>,
}

impl ModelCard {
    /// The card of a model that takes 28×28 images. `outputs` is their kind, and where
    /// `in_graph`, the file is a graph that prepares its images and names its ends.
    ///
    /// # Errors
    /// Those of candle for a copy from a device.
    pub fn new(
        metadata: &Metadata,
        layers: &[LayerInfo],
        parameters: &Parameters,
        classes: &[&str],
        outputs: &str,
        in_graph: bool,
    ) -> Result<Self> {
        let named = |name: &str| in_graph.then(|| name.to_owned());
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let card_layer = |layer: &LayerInfo| CardLayer {
            name: layer.name.clone(),
            layer: layer.layer.clone(),
            output_shape: layer.output_shape.clone(),
            parameters: layer.parameters(parameters),
        };
        Ok(Self {
            card: CARD.to_owned(),
            format: if in_graph { "onnx" } else { "safetensors" }.to_owned(),
            architecture: Architecture {
                name: metadata.model.clone(),
                flavour: metadata.flavour.clone(),
                parameters: parameters.count(),
                layers: layers.iter().map(card_layer).collect(),
            },
            input: Input {
                name: named(crate::onnx::INPUT),
                dtype: "float32".to_owned(),
                image_shape: vec![1, 28, 28],
                range: [0.0, 1.0],
                prepared_by: if in_graph { "graph" } else { "caller" }.to_owned(),
                padding: metadata.padding,
                normalize: metadata.normalize.map(|(mean, std)| MeanStd { mean, std }),
            },
            output: Output {
                name: named(outputs),
                kind: outputs.to_owned(),
                shape: layers
                    .last()
                    .map_or_else(Vec::new, |layer| layer.output_shape.clone()),
            },
            classes: classes.iter().map(|&class| class.to_owned()).collect(),
            dataset: some(&metadata.dataset),
            dataset_sha256: metadata.dataset_sha256.clone(),
            test_accuracy: metadata.test_accuracy,
            seed: metadata.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            weights_sha256: sha256(parameters)?,
            notes: Vec::new(),
        })
    }

    /// The card as pairs of texts, for a file's own metadata: what is no text is JSON,
    /// and what is not known is left out.
    pub fn properties(&self) -> Vec<(String, String)> {
        use serde_json::Value;
        let Ok(Value::Object(entries)) = serde_json::to_value(self) else {
            return Vec::new();
        };
        let text = |(key, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((key, text)),
            other => Some((key, other.to_string())),
        };
        entries.into_iter().filter_map(text).collect()
    }

    /// The card in this file; `None` for a file that is anything else.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let card: Option<Self> = serde_json::from_slice(&bytes).ok();
        Ok(card.filter(|card| card.card == CARD))
    }

    /// Writes the card as JSON, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] with the path.
    pub fn save(&self, path: &Path) -> Result<()> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let text = serde_json::to_string_pretty(self).map_err(|error| io(error.into()))? + "\n";
        write_whole(path, text.as_bytes()).map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelKind;
    use candle_core::Device;
    use lenet_tensor::Key;

    fn card(metadata: &Metadata) -> ModelCard {
        let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
        let model = ModelKind::Lenet5.build(Default::default(), &parameters);
        let model = model.unwrap();
        let card = ModelCard::new(
            metadata,
            model.layers(),
            &parameters,
            &["0"],
            "logits",
            true,
        );
        card.unwrap()
    }

    #[test]
    fn a_card_reads_back_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.json");
        let written = card(&Metadata {
            normalize: Some((0.1307, 0.3081)),
            test_accuracy: Some(0.98),
            seed: Some(u64::MAX),
            ..Metadata::default()
        });
        written.save(&path).unwrap();
        assert_eq!(ModelCard::read(&path).unwrap(), Some(written));
        let text = std::fs::read_to_string(&path).unwrap();
        for other in ["{}", "", "[1]", &text.replace(CARD, "another's card")] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(ModelCard::read(&path).unwrap(), None, "{other}");
        }
        assert!(ModelCard::read(folder.path()).is_err());
    }

    #[test]
    fn what_is_not_known_is_null_and_no_property() {
        let card = card(&Metadata::default());
        let json = serde_json::to_value(&card).unwrap();
        let properties = card.properties();
        for key in ["dataset", "dataset_sha256", "test_accuracy", "seed"] {
            assert!(json[key].is_null() && json.get(key).is_some(), "{key}");
            assert!(!properties.iter().any(|(other, _)| other == key), "{key}");
        }
        let of = |key: &str| {
            let pair = properties.iter().find(|(other, _)| other == key);
            pair.map(|(_, value)| value.as_str())
        };
        assert_eq!(of("weights_sha256"), Some(card.weights_sha256.as_str()));
        assert_eq!(of("classes"), Some("[\"0\"]"));
        let names: Vec<&str> = properties.iter().map(|(key, _)| key.as_str()).collect();
        assert!(names.is_sorted(), "the same order each time: {names:?}");
    }
}
