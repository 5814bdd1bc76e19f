//! A checkpoint's file: safetensors whose metadata hold the state as JSON, and a hash
//! over all of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::{Checkpoint, Part, State};

const STATE: &str = "lenet.checkpoint";
const HASH: &str = "lenet.sha256";

/// Whether a file with these bytes says that it is a checkpoint, good or damaged.
pub fn is_checkpoint(bytes: &[u8]) -> bool {
    let header = SafeTensors::read_metadata(bytes);
    let says = |text: &Option<HashMap<String, String>>| {
        text.as_ref().is_some_and(|map| map.contains_key(STATE))
    };
    header.is_ok_and(|(_, header)| says(header.metadata()))
}

/// A tensor on its way to a file.
struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// The bytes of `checkpoint`.
///
/// # Errors
/// What keeps it from being written, as text.
pub(super) fn to_bytes(checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let state = serde_json::to_string(&checkpoint.state).map_err(|e| e.to_string())?;
    let mut entries = Vec::with_capacity(checkpoint.tensors.len());
    for ((part, name), tensor) in &checkpoint.tensors {
        let (dtype, bytes) = bytes_of(tensor).map_err(|error| error.to_string())?;
        entries.push(Entry {
            name: format!("{}/{name}", part.name()),
            dtype,
            shape: tensor.dims().to_vec(),
            bytes,
        });
    }
    let hash = sha256(
        &state,
        entries.iter().map(|e| (&*e.name, Cow::from(&e.bytes))),
    );
    let metadata = HashMap::from([(STATE.to_owned(), state), (HASH.to_owned(), hash)]);
    let views = entries.iter().map(|entry| {
        let view = TensorView::new(entry.dtype, entry.shape.clone(), &entry.bytes);
        view.map(|view| (entry.name.clone(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>();
    views
        .and_then(|views| safetensors::serialize(views, Some(metadata)))
        .map_err(|error| error.to_string())
}

/// Reads a checkpoint.
///
/// # Errors
/// What is wrong with the file, as text.
pub(super) fn read(path: &Path) -> Result<Checkpoint, String> {
    /// Far beyond the state of any model here, far below a machine's memory.
    const LIMIT: u64 = 1 << 29;

    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("it is larger than {} MiB", LIMIT >> 20));
    }
    from_bytes(&bytes)
}

/// The checkpoint in `bytes`.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, String> {
    let not_ours = |error: safetensors::SafeTensorError| format!("not a checkpoint ({error})");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_ours)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(not_ours)?;
    let text = |key: &str| header.metadata().as_ref().and_then(|map| map.get(key));
    let (Some(state), Some(hash)) = (text(STATE), text(HASH)) else {
        return Err("not a checkpoint: it holds weights alone".to_owned());
    };
    let mut views = tensors.tensors();
    views.sort_by(|(a, _), (b, _)| a.cmp(b));
    let data = views
        .iter()
        .map(|(name, view)| (&**name, Cow::from(view.data())));
    if sha256(state, data) != *hash {
        return Err("damaged: its bytes are not those that were written".to_owned());
    }
    let state: State = serde_json::from_str(state)
        .map_err(|error| format!("its state cannot be read: {error}"))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in &views {
        let known = name.split_once('/').and_then(|(part, name)| {
            let part = Part::ALL.into_iter().find(|p| p.name() == part)?;
            Some((part, name.to_owned()))
        });
        let key = known.ok_or_else(|| format!("holds `{name}`, which is no part of a run"))?;
        tensors.insert(key, tensor_of(view).map_err(|e| format!("`{name}`: {e}"))?);
    }
    Ok(Checkpoint { state, tensors })
}

/// Over the state and each tensor in the order of the names: lengths and bytes.
fn sha256<'a>(state: &str, tensors: impl Iterator<Item = (&'a str, Cow<'a, [u8]>)>) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(state.as_bytes());
    let mut tensors: Vec<_> = tensors.collect();
    tensors.sort_by_key(|(name, _)| *name);
    for (name, bytes) in tensors {
        add(name.as_bytes());
        add(&bytes);
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(tensor: &Tensor) -> candle_core::Result<(Dtype, Vec<u8>)> {
    let flat = tensor.flatten_all()?;
    match flat.dtype() {
        DType::F64 => {
            let values = flat.to_vec1::<f64>()?;
            Ok((
                Dtype::F64,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ))
        }
        _ => {
            let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
            Ok((
                Dtype::F32,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ))
        }
    }
}

fn tensor_of(view: &TensorView<'_>) -> candle_core::Result<Tensor> {
    let (shape, bytes) = (view.shape(), view.data());
    match view.dtype() {
        Dtype::F32 => {
            let words = bytes.as_chunks().0.iter();
            let values: Vec<f32> = words.map(|&word| f32::from_le_bytes(word)).collect();
            Tensor::from_vec(values, shape, &Device::Cpu)
        }
        Dtype::F64 => {
            let words = bytes.as_chunks().0.iter();
            let values: Vec<f64> = words.map(|&word| f64::from_le_bytes(word)).collect();
            Tensor::from_vec(values, shape, &Device::Cpu)
        }
        other => candle_core::bail!("holds {other:?}, expected F32 or F64"),
    }
}
