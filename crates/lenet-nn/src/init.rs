//! How a parameter starts: PyTorch's defaults, and any of candle-nn's hints drawn
//! from a key.

use candle_core::Shape;
use candle_nn::Init;
use candle_nn::init::NormalOrUniform;
use lenet_tensor::Key;

/// PyTorch's start for the weight and the bias of a Linear or Conv2d layer:
/// uniform in ±1/√fan_in.
///
/// For weights PyTorch calls it `kaiming_uniform_(a=√5)`: the bound
/// `√(6 / ((1 + a²)·fan_in))` (He 2015, with a leaky ReLU's slope) is 1/√fan_in.
pub fn torch_default(fan_in: usize) -> Init {
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    Init::Uniform {
        lo: -bound,
        up: bound,
    }
}

/// The values that `init` stands for, drawn from `key`.
pub(crate) fn draw(init: Init, shape: &Shape, key: &Key) -> Vec<f32> {
    let n = shape.elem_count();
    match init {
        Init::Const(value) => vec![value as f32; n],
        Init::Uniform { lo, up } => key.uniform(n, lo, up),
        Init::Randn { mean, stdev } => key.normal(n, mean, stdev),
        Init::Kaiming {
            dist,
            fan,
            non_linearity,
        } => {
            let std = non_linearity.gain() / (fan.for_shape(shape).max(1) as f64).sqrt();
            let bound = 3f64.sqrt() * std;
            match dist {
                NormalOrUniform::Normal => key.normal(n, 0.0, std),
                NormalOrUniform::Uniform => key.uniform(n, -bound, bound),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lenet_tensor::reduce::mean_std;

    /// Standard errors of mean and standard deviation at 60,000 values are below
    /// σ/244; the bounds lie at five of them.
    fn check(init: Init, shape: (usize, usize), std: f64, bound: Option<f64>) {
        let values = draw(init, &shape.into(), &Key::from_seed(11));
        let (mean, found) = mean_std(&values);
        assert!(mean.abs() < std / 48.0, "mean {mean}");
        assert!(
            (found / std - 1.0).abs() < 1.0 / 48.0,
            "std {found}, expected {std}"
        );
        if let Some(bound) = bound {
            let largest = values.iter().fold(0f32, |top, v| top.max(v.abs()));
            assert!(f64::from(largest) <= bound && f64::from(largest) > 0.99 * bound);
        }
    }

    #[test]
    fn the_default_has_pytorchs_bound_and_spread() {
        // conv1.weight of LeNet: fan-in 25, std 1/√75 = 0.1155.
        let bound = 0.2;
        check(
            torch_default(25),
            (300, 200),
            bound / 3f64.sqrt(),
            Some(bound),
        );
    }

    #[test]
    fn candles_hints_have_their_spread() {
        let he = (2f64 / 200.0).sqrt();
        check(
            candle_nn::init::DEFAULT_KAIMING_NORMAL,
            (300, 200),
            he,
            None,
        );
        let bound = he * 3f64.sqrt();
        check(
            candle_nn::init::DEFAULT_KAIMING_UNIFORM,
            (300, 200),
            he,
            Some(bound),
        );
        check(
            Init::Randn {
                mean: 0.0,
                stdev: 2.0,
            },
            (300, 200),
            2.0,
            None,
        );
        let constant = draw(Init::Const(3.0), &2.into(), &Key::from_seed(1));
        assert_eq!(constant, [3.0, 3.0]);
    }
}
