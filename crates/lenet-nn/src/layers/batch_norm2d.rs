//! Batch normalisation over the channels of images (Ioffe & Szegedy 2015).

use candle_core::{Result, Tensor, Var};
use candle_nn::{Init, ModuleT, VarBuilder};
use lenet_tensor::{ShapeError, batch_norm2d, grad_mode};

use super::Layer;
use crate::operator::Operator;

/// PyTorch's `nn.BatchNorm2d`: `[N, C, H, W]` → the same shape, parameters
/// `weight [C]`, `bias [C]`, buffers `running_mean [C]`, `running_var [C]` and
/// `num_batches_tracked []`.
///
/// In training mode each channel is normalised by its own mean and (biased)
/// variance over the batch, and the running statistics move towards the batch's
/// mean and unbiased variance by `momentum`. In evaluation mode the running
/// statistics are used and nothing moves.
#[derive(Clone, Debug)]
pub struct BatchNorm2d {
    weight: Tensor,
    bias: Tensor,
    running_mean: Var,
    running_var: Var,
    num_batches_tracked: Var,
}

impl BatchNorm2d {
    pub(crate) const EPS: f64 = 1e-5;
    const MOMENTUM: f64 = 0.1;

    /// PyTorch's defaults: `eps = 1e-5`, `momentum = 0.1`.
    ///
    /// # Errors
    /// Those of the builder, for example another shape under the same name.
    pub fn new(num_features: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let get = |name, value| vb.get_with_hints(num_features, name, Init::Const(value));
        Ok(Self {
            weight: get("weight", 1.0)?,
            bias: get("bias", 0.0)?,
            running_mean: Var::from_tensor(&get("running_mean", 0.0)?)?,
            running_var: Var::from_tensor(&get("running_var", 1.0)?)?,
            num_batches_tracked: Var::from_tensor(&vb.get_with_hints(
                (),
                "num_batches_tracked",
                Init::Const(0.0),
            )?)?,
        })
    }

    fn features(&self) -> usize {
        self.weight.elem_count()
    }

    /// Moves the running statistics towards a batch's, of `n` values a channel.
    fn track(&self, mean: &Tensor, variance: &Tensor, n: usize) -> Result<()> {
        let unbiased = (variance * (n as f64 / (n as f64 - 1.0)))?;
        for (running, batch) in [(&self.running_mean, mean), (&self.running_var, &unbiased)] {
            let kept = running
                .as_tensor()
                .detach()
                .affine(1.0 - Self::MOMENTUM, 0.0)?;
            running.set(&(kept + batch.detach().affine(Self::MOMENTUM, 0.0)?)?)?;
        }
        let count = self.num_batches_tracked.as_tensor().detach();
        self.num_batches_tracked.set(&(count + 1.0)?)
    }
}

impl ModuleT for BatchNorm2d {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let (weight, bias) = (grad_mode::read(&self.weight), grad_mode::read(&self.bias));
        if train {
            let made = batch_norm2d::train(x, &weight, &bias, Self::EPS)?;
            self.track(&made.mean, &made.variance, x.elem_count() / self.features())?;
            return Ok(made.y);
        }
        let mean = self.running_mean.as_tensor().detach();
        let variance = self.running_var.as_tensor().detach();
        batch_norm2d::evaluate(x, (&mean, &variance), &weight, &bias, Self::EPS)
    }
}

impl Layer for BatchNorm2d {
    fn describe(&self) -> String {
        format!("BatchNorm2d({})", self.features())
    }

    fn operator(&self) -> Operator {
        Operator::BatchNorm2d
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
        match input {
            [channels, _, _] if *channels == self.features() => Ok(input.to_vec()),
            [channels, _, _] => Err(mismatch(*channels, self.features())),
            _ => Err(ShapeError::Rank {
                op: "batch_norm2d",
                expected: "[C, H, W]",
                got: input.to_vec(),
            }),
        }
    }
}

fn mismatch(got: usize, expected: usize) -> ShapeError {
    ShapeError::Channels {
        op: "batch_norm2d",
        axis: "channels",
        got,
        expected,
        weight: vec![expected],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameters;
    use candle_core::{DType, Device};
    use lenet_tensor::Key;
    use lenet_tensor::testing::{assert_close, check_gradients, uniform};

    fn layer(features: usize, dtype: DType) -> BatchNorm2d {
        let parameters = Parameters::with_dtype(Key::from_seed(1), dtype, &Device::Cpu);
        BatchNorm2d::new(features, parameters.builder()).unwrap()
    }

    fn values(t: &Tensor) -> Vec<f64> {
        let wide = t.to_dtype(DType::F64).unwrap();
        wide.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn training_normalises_and_tracks_as_pytorch_does() {
        let norm = layer(1, DType::F64);
        let x = Tensor::new(&[[[[1f64, 2.], [3., 6.]]]], &Device::Cpu).unwrap();
        // Mean 3, squares 4 + 1 + 0 + 9 = 14: biased 3.5, unbiased 14/3.
        let y = values(&norm.forward_t(&x, true).unwrap());
        let std = (3.5f64 + 1e-5).sqrt();
        assert_close(&y, &[-2.0 / std, -1.0 / std, 0.0, 3.0 / std], 1e-12);
        assert_close(&values(&norm.running_mean), &[0.3], 1e-12);
        assert_close(&values(&norm.running_var), &[0.9 + 0.1 * 14.0 / 3.0], 1e-12);
        assert_eq!(values(&norm.num_batches_tracked), [1.0]);
    }

    #[test]
    fn evaluation_uses_what_was_tracked_and_moves_nothing() {
        let norm = layer(2, DType::F64);
        let x = uniform(Key::from_seed(2), &[3, 2, 4, 4], DType::F64).unwrap();
        norm.forward_t(&x, true).unwrap();
        let tracked = values(&norm.running_mean);
        let y = values(&norm.forward_t(&x, false).unwrap());
        assert_eq!(values(&norm.running_mean), tracked);
        let variance = values(&norm.running_var);
        let first = (values(&x)[0] - tracked[0]) / (variance[0] + 1e-5).sqrt();
        assert_close(&y[..1], &[first], 1e-12);
    }

    #[test]
    fn one_value_per_channel_is_refused_and_tracks_nothing() {
        let norm = layer(2, DType::F32);
        let x = Tensor::ones((1, 2, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let error = norm.forward_t(&x, true).unwrap_err().to_string();
        assert!(error.contains("more than one value per channel"), "{error}");
        assert_eq!(values(&norm.running_var), [1.0, 1.0]);
        assert!(norm.forward_t(&x, false).is_ok());
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let key = Key::from_seed(3);
        let inputs = [
            uniform(key.fold_in("x"), &[2, 2, 3, 2], DType::F64).unwrap(),
            uniform(key.fold_in("weight"), &[2], DType::F64).unwrap(),
            uniform(key.fold_in("bias"), &[2], DType::F64).unwrap(),
        ];
        for train in [true, false] {
            check_gradients(&inputs, |t| {
                let norm = BatchNorm2d {
                    weight: t[1].clone(),
                    bias: t[2].clone(),
                    ..layer(2, DType::F64)
                };
                norm.forward_t(&t[0], train)
            })
            .unwrap();
        }
    }
}
