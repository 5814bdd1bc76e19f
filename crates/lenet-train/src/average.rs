//! The running average of a model's weights, which often tests better than the last
//! ones (Polyak & Juditsky 1992).

use candle_core::{Tensor, Var};
use lenet_nn::Parameters;
use lenet_nn::params::Entry;
use lenet_tensor::lerp::lerp;

use crate::error::Result;

/// An exponential moving average of the parameters; buffers are the model's own.
///
/// At step t, from 1, a weight's average moves towards it by `1 - d` of the way, with
/// `d = min(decay, (t - 1) / (t + 9))`: the first step copies, and the start, which is
/// far from where the weights go, is forgotten quickly.
#[derive(Debug)]
pub struct Average {
    decay: f64,
    averages: Vec<(Entry, Var)>,
}

impl Average {
    /// Starts at the weights as they are.
    ///
    /// # Errors
    /// Those of candle for memory on a device.
    pub fn new(parameters: &Parameters, decay: f64) -> Result<Self> {
        let with_average = |entry: Entry| {
            let average = Var::from_tensor(&entry.var.copy()?)?;
            Ok((entry, average))
        };
        Ok(Self {
            decay,
            averages: parameters
                .trainable()
                .into_iter()
                .map(with_average)
                .collect::<Result<_>>()?,
        })
    }

    /// Takes in the weights after step `t`.
    ///
    /// # Errors
    /// Those of candle.
    pub fn update(&mut self, t: u64) -> Result<()> {
        let t = t as f64;
        let decay = self.decay.min((t - 1.0) / (t + 9.0));
        for (entry, average) in &self.averages {
            lerp(average, &entry.var, 1.0 - decay)?;
        }
        Ok(())
    }

    /// Exchanges weights and averages: the model then is the average, until the next
    /// exchange.
    ///
    /// # Errors
    /// Those of candle.
    pub fn swap(&self) -> Result<()> {
        for (entry, average) in &self.averages {
            let weights = entry.var.copy()?;
            entry.var.set(&average.copy()?)?;
            average.set(&weights)?;
        }
        Ok(())
    }

    /// The averages, by the parameters' names.
    ///
    /// # Errors
    /// Those of candle.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let named = |(entry, average): &(Entry, Var)| Ok((entry.name.clone(), average.copy()?));
        self.averages.iter().map(named).collect()
    }

    /// The variables, by the parameters' names.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let named = |(entry, average): &(Entry, Var)| Entry {
            name: entry.name.clone(),
            var: average.clone(),
        };
        self.averages.iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use lenet_tensor::Key;

    #[test]
    fn the_average_is_that_of_the_formula() {
        let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
        let init = candle_nn::Init::Const(0.0);
        parameters.builder().get_with_hints(2, "w", init).unwrap();
        let entry = parameters.trainable().remove(0);
        let set = |value: f32| {
            let values = Tensor::new(&[value, -value], &Device::Cpu).unwrap();
            entry.var.set(&values).unwrap();
        };
        let mut average = Average::new(&parameters, 0.3).unwrap();
        let mut expected = 0.0;
        for t in 1..=12u32 {
            set((t * t) as f32);
            average.update(t.into()).unwrap();
            let t = f64::from(t);
            let decay = f64::min(0.3, (t - 1.0) / (t + 9.0));
            expected = decay * expected + (1.0 - decay) * t * t;
        }
        average.swap().unwrap();
        let values = || entry.var.to_vec1::<f32>().unwrap();
        // A dozen roundings of f32 at about 140.
        assert!((f64::from(values()[0]) - expected).abs() < 1e-4);
        assert_eq!(values()[0], -values()[1]);
        assert_eq!(
            average.state().unwrap()[0].1.to_vec1::<f32>().unwrap(),
            [144., -144.]
        );
        average.swap().unwrap();
        assert_eq!(values(), [144., -144.]);
    }
}
