//! What each layer makes of an input: a network looked into.

use candle_core::{D, Tensor};
use lenet_tensor::avg_pool2d::avg_pool2d;
use lenet_tensor::conv2d::conv2d;
use lenet_tensor::linear::linear;
use lenet_tensor::max_pool2d::max_pool2d;
use lenet_tensor::relu::relu;
use lenet_tensor::{batch_norm2d, no_grad};

use crate::error::{Error, Result};
use crate::layers::BatchNorm2d;
use crate::operator::Operator;
use crate::params::{Entry, Parameters};
use crate::summary::LayerInfo;

/// Each layer's output in evaluation mode, with the layer's name, in order: of
/// `x: [N, …]` as the network takes it, by what the layers say of themselves
/// ([`Operator`]) and by their parameters. The last is what the model itself gives.
///
/// Layers that a model runs as one operation are taken one by one here, so that the
/// convolution's maps can be seen before they are pooled.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use lenet_nn::models::{Lenet5, Model};
/// use lenet_nn::{Parameters, activations};
/// use lenet_tensor::Key;
///
/// let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
/// let model = Lenet5::new(parameters.builder())?;
/// let x = Tensor::zeros((2, 1, 28, 28), DType::F32, &Device::Cpu)?;
/// let made = activations(model.layers(), &parameters, &x)?;
/// let (name, maps) = &made[2];
/// assert_eq!((name.as_str(), maps.dims()), ("pool1", &[2, 6, 12, 12][..]));
/// # Ok::<(), lenet_nn::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoOperator`] for a layer that does not say what it computes,
/// [`Error::NoParameter`], or shapes that do not fit.
pub fn activations(
    layers: &[LayerInfo],
    parameters: &Parameters,
    x: &Tensor,
) -> Result<Vec<(String, Tensor)>> {
    let entries = parameters.entries();
    let mut made: Vec<(String, Tensor)> = Vec::with_capacity(layers.len());
    for layer in layers {
        let input = made.last().map_or(x, |(_, output)| output);
        let output = no_grad(|| apply(layer, &entries, input))?;
        made.push((layer.name.clone(), output));
    }
    Ok(made)
}

fn apply(layer: &LayerInfo, entries: &[Entry], x: &Tensor) -> Result<Tensor> {
    let get = |parameter: &str| {
        let name = format!("{}.{parameter}", layer.name);
        match entries.iter().find(|entry| entry.name == name) {
            Some(entry) => Ok(entry.var.as_tensor().detach()),
            None => Err(Error::NoParameter {
                layer: layer.name.clone(),
                parameter: name,
            }),
        }
    };
    Ok(match &layer.operator {
        Operator::Conv2d(options) => conv2d(x, &get("weight")?, Some(&get("bias")?), *options)?,
        Operator::Linear => linear(x, &get("weight")?, Some(&get("bias")?))?,
        Operator::BatchNorm2d => {
            let (mean, variance) = (get("running_mean")?, get("running_var")?);
            let (weight, bias) = (get("weight")?, get("bias")?);
            batch_norm2d::evaluate(x, (&mean, &variance), &weight, &bias, BatchNorm2d::EPS)?
        }
        Operator::MaxPool2d { kernel, stride } => {
            max_pool2d(x, (kernel[0], kernel[1]), (stride[0], stride[1]))?
        }
        Operator::AvgPool2d { kernel, stride } => {
            avg_pool2d(x, (kernel[0], kernel[1]), (stride[0], stride[1]))?
        }
        Operator::ReLU => relu(x)?,
        Operator::Tanh => x.tanh()?,
        Operator::LogSoftmax => candle_nn::ops::log_softmax(x, D::Minus1)?,
        Operator::Flatten => x.flatten_from(1)?,
        Operator::Identity => x.clone(),
        Operator::Unknown => {
            return Err(Error::NoOperator {
                layer: layer.name.clone(),
                kind: layer.layer.clone(),
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sequential;
    use crate::layers::{Foreign, Linear};
    use crate::models::{Flavour, ModelKind};
    use candle_core::{DType, Device};
    use lenet_tensor::Key;
    use lenet_tensor::testing::{assert_close, uniform};

    fn values(t: &Tensor) -> Vec<f32> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_last_is_what_the_model_gives_and_each_has_its_shape() {
        let flavours = [(ModelKind::Lenet5On32, Flavour::Of1998)];
        let all = ModelKind::ALL.map(|kind| (kind, Flavour::Modern));
        for (kind, flavour) in all.into_iter().chain(flavours) {
            let parameters = Parameters::new(Key::from_seed(5), &Device::Cpu);
            let model = kind.build(flavour, &parameters).unwrap();
            let side = 28 + 2 * kind.padding();
            let x = uniform(Key::from_seed(6), &[3, 1, side, side], DType::F32).unwrap();
            let made = activations(model.layers(), &parameters, &x).unwrap();
            for (layer, (name, output)) in model.layers().iter().zip(&made) {
                assert_eq!(&layer.name, name);
                assert_eq!(output.dims()[1..], layer.output_shape, "{kind} {name}");
            }
            let (_, last) = made.last().unwrap();
            let y = model.forward_t(&x, false).unwrap();
            // The fused operations may add in another order than the single ones: f32 sums
            // of at most 864 products.
            assert_close(&values(last), &values(&y), 1e-5);
            assert!(!last.track_op(), "nothing is recorded");
        }
    }

    #[test]
    fn a_layer_that_does_not_say_what_it_computes_is_named() {
        let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
        let double = candle_nn::func(|x| x * 2.0);
        let net = Sequential::new(&[4])
            .add(
                "fc",
                Linear::new(4, 2, parameters.builder().pp("fc")).unwrap(),
            )
            .and_then(|net| net.add("double", Foreign::new(double, &Device::Cpu)))
            .unwrap();
        let x = Tensor::zeros((1, 4), DType::F32, &Device::Cpu).unwrap();
        let error = activations(net.layers(), &parameters, &x).unwrap_err();
        assert!(error.to_string().starts_with("layer `double` ("), "{error}");
    }
}
