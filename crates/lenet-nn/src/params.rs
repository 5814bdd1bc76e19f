//! What a model owns: its parameters and buffers, by name and in the order in
//! which they were made, drawn from a key.
//!
//! A [`Parameters`] serves as the backend of candle-nn's `VarBuilder`, so any
//! layer written for candle draws its parameters from here: seeded, ordered and
//! saved with the rest.

use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use lenet_tensor::Key;

use crate::init;

/// A shared, ordered set of named variables. Clones share it.
#[derive(Clone)]
pub struct Parameters {
    key: Key,
    dtype: DType,
    device: Device,
    entries: Arc<Mutex<Vec<Entry>>>,
}

/// A named variable of a model.
#[derive(Clone, Debug)]
pub struct Entry {
    /// PyTorch's name, for example `conv1.weight`.
    pub name: String,
    /// The values.
    pub var: Var,
}

impl Entry {
    /// Whether this is a buffer: part of the model's state, but nothing that an
    /// optimizer changes. PyTorch's names of BatchNorm's buffers say so.
    pub fn is_buffer(&self) -> bool {
        const BUFFERS: [&str; 3] = ["running_mean", "running_var", "num_batches_tracked"];
        let last = self.name.rsplit('.').next().unwrap_or_default();
        BUFFERS.contains(&last)
    }
}

impl Parameters {
    /// An empty set of f32 variables on `device`; a variable called `name` will
    /// be drawn from `key.fold_in(name)`.
    pub fn new(key: Key, device: &Device) -> Self {
        Self::with_dtype(key, DType::F32, device)
    }

    /// The same with another dtype: f64 for checks of gradients.
    pub fn with_dtype(key: Key, dtype: DType, device: &Device) -> Self {
        Self {
            key,
            dtype,
            device: device.clone(),
            entries: Arc::default(),
        }
    }

    /// The builder to hand to layers, ours or candle-nn's.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), self.dtype, self.device.clone())
    }

    /// The key for a layer that draws while it runs, a Dropout for example.
    pub fn key(&self, name: &str) -> Key {
        self.key.fold_in(name)
    }

    /// Parameters and buffers, in the order in which they were made.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// The parameters: what an optimizer changes.
    pub fn trainable(&self) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| !entry.is_buffer());
        entries
    }

    /// The number of values in all parameters, buffers left out.
    pub fn count(&self) -> usize {
        let trainable = self.trainable();
        trainable.iter().map(|entry| entry.var.elem_count()).sum()
    }

    /// The device that everything lies on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // A panic while the lock is held leaves the list whole: pushes are last.
        match self.entries.lock() {
            Ok(entries) => entries,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    fn find(&self, name: &str) -> Option<Var> {
        let entries = self.lock();
        let entry = entries.iter().find(|entry| entry.name == name)?;
        Some(entry.var.clone())
    }
}

impl SimpleBackend for Parameters {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        if let Some(var) = self.find(name) {
            // Two layers that share a name share the parameter, as in candle-nn.
            if var.shape() != &shape {
                candle_core::bail!(
                    "parameter `{name}` is {:?} already, expected {shape:?}",
                    var.shape()
                );
            }
            return Ok(var.as_tensor().clone());
        }
        let values = init::draw(init, &shape, &self.key.fold_in(name));
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
        let var = Var::from_tensor(&tensor.to_dtype(dtype)?.to_device(device)?)?;
        let tensor = var.as_tensor().clone();
        self.lock().push(Entry {
            name: name.to_owned(),
            var,
        });
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _device: &Device) -> Result<Tensor> {
        match self.find(name) {
            Some(var) => Ok(var.as_tensor().clone()),
            None => candle_core::bail!("no parameter `{name}`: its shape has to be given first"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(parameters: &Parameters) -> Vec<(String, Vec<f32>)> {
        let entries = parameters.entries().into_iter();
        entries
            .map(|e| (e.name, e.var.flatten_all().unwrap().to_vec1().unwrap()))
            .collect()
    }

    #[test]
    fn candles_layers_draw_seeded_values_in_order() {
        let build = |seed| {
            let parameters = Parameters::new(Key::from_seed(seed), &Device::Cpu);
            let vb = parameters.builder();
            candle_nn::linear(4, 3, vb.pp("b")).unwrap();
            candle_nn::conv2d(1, 2, 3, Default::default(), vb.pp("a")).unwrap();
            candle_nn::batch_norm(2, 1e-5, vb.pp("norm")).unwrap();
            parameters
        };
        let parameters = build(1);
        let names: Vec<String> = parameters.entries().into_iter().map(|e| e.name).collect();
        assert_eq!(names[..4], ["b.weight", "b.bias", "a.weight", "a.bias"]);
        assert_eq!(names[4..6], ["norm.running_mean", "norm.running_var"]);
        // Running statistics are no parameters: 12 + 3 + 18 + 2 + 2 + 2.
        assert_eq!(parameters.count(), 39);
        assert_eq!(values(&parameters), values(&build(1)));
        assert_ne!(values(&parameters), values(&build(2)));
    }

    #[test]
    fn a_value_depends_on_its_name_and_not_on_the_order() {
        let draw = |names: [&str; 2]| {
            let parameters = Parameters::new(Key::from_seed(5), &Device::Cpu);
            for name in names {
                candle_nn::linear(3, 2, parameters.builder().pp(name)).unwrap();
            }
            let mut values = values(&parameters);
            values.sort_by(|a, b| a.0.cmp(&b.0));
            values
        };
        assert_eq!(draw(["fc1", "fc2"]), draw(["fc2", "fc1"]));
    }

    #[test]
    fn a_shared_name_shares_the_parameter_or_is_refused() {
        let parameters = Parameters::new(Key::from_seed(5), &Device::Cpu);
        let vb = parameters.builder();
        let first = vb.get((2, 3), "w").unwrap();
        assert_eq!(first.id(), vb.get((2, 3), "w").unwrap().id());
        let error = vb.get((3, 2), "w").unwrap_err().to_string();
        assert!(error.contains("`w` is [2, 3] already"), "{error}");
        assert!(vb.get_unchecked("other").is_err());
    }
}
