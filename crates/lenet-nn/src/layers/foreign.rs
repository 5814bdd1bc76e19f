//! Anyone's module as a layer: its shapes are found by trying it.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ModuleT;
use lenet_tensor::{ShapeError, no_grad};

use super::{Layer, batched};

/// A module from candle-nn or elsewhere.
///
/// Its output shape is found by running one sample of zeros (f32, on the CPU or
/// the given device) through it in evaluation mode, without gradients.
#[derive(Clone, Debug)]
pub struct Foreign<M> {
    module: M,
    device: Device,
}

impl<M: ModuleT> Foreign<M> {
    /// Wraps a module whose parameters lie on `device`.
    pub fn new(module: M, device: &Device) -> Self {
        Self {
            module,
            device: device.clone(),
        }
    }
}

impl<M: ModuleT> ModuleT for Foreign<M> {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        self.module.forward_t(x, train)
    }
}

impl<M: ModuleT + Send + Sync> Layer for Foreign<M> {
    fn describe(&self) -> String {
        let name = std::any::type_name::<M>();
        name.rsplit("::").next().unwrap_or(name).to_owned()
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
        let tried = Tensor::zeros(batched(input), DType::F32, &self.device)
            .and_then(|x| no_grad(|| self.module.forward_t(&x, false)));
        let refused = |got: String| ShapeError::Other {
            op: "module",
            expected: format!("an input that {} takes", self.describe()),
            got: format!("{input:?} ({got})"),
        };
        match tried {
            // A kernel larger than its input gives candle an empty output.
            Ok(y) if y.elem_count() == 0 => Err(refused(format!("output {:?}", y.dims()))),
            Ok(y) => Ok(y.dims().get(1..).unwrap_or_default().to_vec()),
            Err(error) => Err(refused(
                error
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )),
        }
    }
}
