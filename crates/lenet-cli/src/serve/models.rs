//! The networks that are served, by name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lenet_data::Normalize;
use lenet_nn::card::MeanStd;
use lenet_nn::{activations, weights};
use lenet_tensor::no_grad;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::Failure;
use crate::maps;
use crate::trained::Trained;

/// At least one network, the first the default.
pub(crate) struct Models(Vec<Served>);

/// A network with its name.
pub(super) struct Served {
    name: String,
    trained: Trained,
    /// What `GET /api/model` says of it.
    description: Description,
}

#[derive(Serialize)]
struct Description {
    name: String,
    model: String,
    parameters: usize,
    dataset: Option<String>,
    test_accuracy: Option<f64>,
    normalize: Option<MeanStd>,
    weights_sha256: String,
    layers: Vec<Layer>,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    layer: String,
    output_shape: Vec<usize>,
    parameters: usize,
}

/// The answer to a picture.
#[derive(Serialize)]
pub(super) struct Prediction<'a> {
    model: &'a str,
    digit: usize,
    probabilities: Vec<f64>,
    logits: Vec<f32>,
    /// The 28×28 bytes that went in.
    seen: &'a [u8],
    /// From the body's last byte to this answer.
    pub(super) milliseconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Shown>>,
}

/// A layer's maps.
#[derive(Serialize)]
struct Shown {
    name: String,
    title: String,
    /// `[C, H, W]`.
    shape: [usize; 3],
    /// C·H·W bytes in base64.
    maps: String,
}

impl Models {
    /// Of two that are called alike, the later one gets a number.
    pub(crate) fn new(named: Vec<(String, Trained)>) -> anyhow::Result<Self> {
        let mut models: Vec<Served> = Vec::new();
        for (stem, trained) in named {
            let numbered = (2..).map(|n| format!("{stem}-{n}"));
            let mut names = std::iter::once(stem.clone()).chain(numbered);
            let is_free = |name: &String| models.iter().all(|model| model.name != *name);
            let name = names.find(is_free).unwrap_or(stem);
            models.push(Served {
                description: describe(&name, &trained)?,
                name,
                trained,
            });
        }
        Ok(Self(models))
    }

    /// Their names, the default first.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|model| model.name.as_str()).collect()
    }

    /// The network of this name, or the default.
    pub(super) fn get(&self, name: Option<&str>) -> Result<&Served, Failure> {
        let mut models = self.0.iter();
        let found = models.find(|model| name.is_none_or(|name| model.name == name));
        found.ok_or_else(|| {
            let (name, known) = (name.unwrap_or_default(), self.names().join(", "));
            Failure::not_found(format!("no model `{name}` here: expected one of {known}"))
        })
    }

    /// The answer to `GET /api/model`.
    pub(super) fn description(&self) -> Value {
        let models: Vec<&Description> = self.0.iter().map(|model| &model.description).collect();
        json!({
            "models": models,
            "default": self.names().first(),
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}

fn describe(name: &str, trained: &Trained) -> anyhow::Result<Description> {
    let said = trained.metadata.as_ref();
    let normalize = trained.transform(Normalize::MNIST).normalize;
    let layers = trained.model.layers().iter().map(|info| Layer {
        name: info.name.clone(),
        layer: info.layer.clone(),
        output_shape: info.output_shape.clone(),
        parameters: info.parameters(&trained.parameters),
    });
    Ok(Description {
        name: name.to_owned(),
        model: trained.kind.to_string(),
        parameters: trained.parameters.count(),
        dataset: said
            .map(|said| said.dataset.clone())
            .filter(|name| !name.is_empty()),
        test_accuracy: said.and_then(|said| said.test_accuracy),
        normalize: normalize.map(|Normalize { mean, std }| MeanStd { mean, std }),
        weights_sha256: weights::sha256(&trained.parameters)?,
        layers: layers.collect(),
    })
}

impl Served {
    /// The digit that the network sees in 28×28 bytes, and with `layers` its maps.
    pub(super) fn predict<'a>(
        &'a self,
        seen: &'a [u8],
        layers: bool,
    ) -> anyhow::Result<Prediction<'a>> {
        let reading = self.trained.read(seen, Normalize::MNIST)?;
        Ok(Prediction {
            model: &self.name,
            digit: reading.digit,
            probabilities: reading.probabilities,
            logits: reading.logits,
            seen,
            milliseconds: 0.0,
            layers: layers.then(|| self.maps(seen)).transpose()?,
        })
    }

    fn maps(&self, seen: &[u8]) -> anyhow::Result<Vec<Shown>> {
        let Trained {
            model, parameters, ..
        } = &self.trained;
        let x = self.trained.input(seen, Normalize::MNIST)?;
        let outputs = no_grad(|| activations(model.layers(), parameters, &x))?;
        let shown = maps::shown(model.layers()).into_iter().map(|shown| {
            let values = shown.maps(&outputs)?.flatten_all()?.to_vec1::<f32>()?;
            Ok(Shown {
                maps: STANDARD.encode(maps::bytes(&values)),
                name: shown.name().to_owned(),
                title: shown.title,
                shape: shown.shape,
            })
        });
        shown.collect()
    }
}
