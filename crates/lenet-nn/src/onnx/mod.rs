//! A model as an ONNX file: made from the layers that the model was built with, so
//! that the file computes what the model does.

mod graph;
mod proto;
#[cfg(test)]
mod tests;

use std::path::Path;

use prost::Message as _;

use crate::error::{Error, Result};
use crate::params::Parameters;
use crate::summary::LayerInfo;
use crate::weights::write_whole;

/// The version of ONNX's operators that the files ask for.
pub const OPSET: i64 = 17;
/// The version of ONNX's format: the one that came with [`OPSET`].
const IR_VERSION: i64 = 8;
/// The name of the graph's input.
pub const INPUT: &str = "image";
/// The name of the axis whose size is open.
pub const BATCH: &str = "N";

/// What is to become an ONNX file. Everything is f32; the initializers are the
/// parameters under their own names, and a node has its layer's name.
///
/// ```
/// use candle_core::Device;
/// use lenet_nn::onnx::Export;
/// use lenet_nn::{ModelKind, Parameters};
/// use lenet_tensor::Key;
///
/// let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
/// let model = ModelKind::Lenet5.build(Default::default(), &parameters)?;
/// let export = Export {
///     name: "lenet5",
///     layers: model.layers(),
///     parameters: &parameters,
///     input_shape: [1, 28, 28],
///     padding: 0,
///     normalize: Some((0.1307, 0.3081)),
///     output: "logits",
///     properties: &[],
/// };
/// assert!(export.to_bytes()?.len() > 4 * parameters.count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Export<'a> {
    /// The graph's name.
    pub name: &'a str,
    /// The layers, from [`Model::layers`](crate::Model::layers) or
    /// [`Sequential::layers`](crate::Sequential::layers).
    pub layers: &'a [LayerInfo],
    /// Where the layers' parameters are found by their names.
    pub parameters: &'a Parameters,
    /// One image as it is given to the graph, `[C, H, W]`, in [0, 1].
    pub input_shape: [usize; 3],
    /// Black pixels that the graph adds on each of the four sides, before all else.
    pub padding: usize,
    /// Mean and standard deviation that the graph then takes out.
    pub normalize: Option<(f64, f64)>,
    /// The name of the graph's output.
    pub output: &'a str,
    /// What the file says of itself, by key.
    pub properties: &'a [(String, String)],
}

impl Export<'_> {
    /// The file's bytes: the same for the same weights.
    ///
    /// # Errors
    /// [`Error::NoOnnxForm`] for a layer of someone else's, [`Error::NoParameter`] for
    /// parameters of other names, and those of candle for a copy from a device.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.to_proto()?.encode_to_vec())
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// As [`Export::to_bytes`], and [`Error::Io`] with the path.
    pub fn save(&self, path: &Path) -> Result<()> {
        write_whole(path, &self.to_bytes()?).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })
    }

    fn to_proto(self) -> Result<proto::ModelProto> {
        let properties = self.properties.iter();
        Ok(proto::ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("lenet".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(graph::build(&self)?),
            opset_import: vec![proto::OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET),
            }],
            metadata_props: properties
                .map(|(key, value)| proto::StringStringEntryProto {
                    key: Some(key.clone()),
                    value: Some(value.clone()),
                })
                .collect(),
        })
    }
}
