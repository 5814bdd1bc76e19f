//! What a model is made of: each layer's name, settings, shapes, parameters and
//! multiplications; and the check that the layers fit together.

use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::operator::Operator;
use crate::params::Parameters;

/// A layer in its place in a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// The name, `block1.conv1` for a layer within a layer.
    pub name: String,
    /// The layer with its settings, for example `Conv2d(1, 6, kernel_size=5)`.
    pub layer: String,
    /// What it computes in evaluation mode.
    pub operator: Operator,
    /// The input's shape without the batch axis.
    pub input_shape: Vec<usize>,
    /// The output's shape without the batch axis.
    pub output_shape: Vec<usize>,
    /// The layer that this one runs together with, as one operation.
    pub fused_into: Option<String>,
}

impl LayerInfo {
    /// The number of values in this layer's parameters, found by their names.
    pub fn parameters(&self, parameters: &Parameters) -> usize {
        self.own(parameters)
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum()
    }

    /// The kernel or the window, `[down, right]`, of a convolution or a pooling.
    pub fn kernel(&self, parameters: &Parameters) -> Option<[usize; 2]> {
        match self.operator {
            Operator::MaxPool2d { kernel, .. } | Operator::AvgPool2d { kernel, .. } => Some(kernel),
            _ => self.convolution(parameters),
        }
    }

    /// Multiplications and additions for one sample, as torchinfo 1.8 counts them: each
    /// parameter of a convolution once for each place of the output, `[H', W']`, and
    /// each of any other layer once. Layers without parameters count for nothing.
    pub fn mult_adds(&self, parameters: &Parameters) -> usize {
        let places = match self.convolution(parameters) {
            Some(_) => self.output_shape.iter().skip(1).product(),
            None => 1,
        };
        self.parameters(parameters) * places
    }

    /// The kernel of a weight `[C_out, C_in / groups, KH, KW]`, where there is one.
    fn convolution(&self, parameters: &Parameters) -> Option<[usize; 2]> {
        self.own(parameters)
            .find_map(|(name, shape)| match (name.as_str(), &shape[..]) {
                ("weight", &[_, _, down, right]) => Some([down, right]),
                _ => None,
            })
    }

    /// This layer's parameters by their names within it, with their shapes.
    fn own(&self, parameters: &Parameters) -> impl Iterator<Item = (String, Vec<usize>)> {
        let prefix = format!("{}.", self.name);
        parameters.trainable().into_iter().filter_map(move |entry| {
            let name = entry.name.strip_prefix(&prefix)?;
            Some((name.to_owned(), entry.var.dims().to_vec()))
        })
    }
}

/// Follows a sample's shape through layers and notes each: a model that is built
/// through a trace is a model whose shapes fit.
#[derive(Clone, Debug)]
pub struct Trace {
    shape: Vec<usize>,
    layers: Vec<LayerInfo>,
}

impl Trace {
    /// Starts at a sample's shape, for example `[1, 28, 28]`.
    pub fn new(input: &[usize]) -> Self {
        Self {
            shape: input.to_vec(),
            layers: Vec::new(),
        }
    }

    /// Goes through `layer`.
    ///
    /// # Errors
    /// [`Error::Layer`] with the layer's name when it does not fit.
    pub fn then(mut self, name: &str, layer: &dyn Layer) -> Result<Self> {
        self.push(name, layer)?;
        Ok(self)
    }

    /// As [`Trace::then`], in place.
    pub(crate) fn push(&mut self, name: &str, layer: &dyn Layer) -> Result<()> {
        let output_shape = layer
            .output_shape(&self.shape)
            .map_err(|source| Error::Layer {
                layer: name.to_owned(),
                source,
            })?;
        if layer.children().is_empty() {
            self.layers.push(LayerInfo {
                name: name.to_owned(),
                layer: layer.describe(),
                operator: layer.operator(),
                input_shape: self.shape.clone(),
                output_shape: output_shape.clone(),
                fused_into: None,
            });
        }
        for child in layer.children() {
            self.layers.push(LayerInfo {
                name: format!("{name}.{}", child.name),
                fused_into: child
                    .fused_into
                    .as_ref()
                    .map(|into| format!("{name}.{into}")),
                ..child.clone()
            });
        }
        self.shape = output_shape;
        Ok(())
    }

    /// Notes that the last `count` layers run as one operation.
    #[must_use]
    pub fn fused(mut self, count: usize) -> Self {
        self.fuse_last(count);
        self
    }

    /// As [`Trace::fused`], in place.
    pub(crate) fn fuse_last(&mut self, count: usize) {
        let start = self.layers.len().saturating_sub(count);
        if let Some((first, others)) = self.layers[start..].split_first_mut() {
            for other in others {
                other.fused_into = Some(first.name.clone());
            }
        }
    }

    /// The shape behind the last layer.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The layers, those within layers in their place.
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }
}
