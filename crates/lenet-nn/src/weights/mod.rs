//! Weights in files: safetensors with PyTorch's names and shapes, written whole or
//! not at all, checked in full before anything changes; and their hash.

mod fit;
mod foreign;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use candle_core::{DType, Var};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::params::{Entry, Parameters};
use fit::fit;

/// The key of the one entry in the file's metadata. One, since safetensors
/// writes several in a random order.
const METADATA_KEY: &str = "lenet";

/// What a file says of its weights, so that they are used as they were trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The model's name.
    pub model: String,
    /// The model's flavour.
    #[serde(default)]
    pub flavour: String,
    /// Mean and standard deviation that pixels in [0, 1] were normalised by.
    #[serde(default)]
    pub normalize: Option<(f64, f64)>,
    /// Black pixels added on each side of a 28×28 image.
    #[serde(default)]
    pub padding: usize,
    /// The data set's name.
    #[serde(default)]
    pub dataset: String,
    /// Names the data: the sha256 over the sha256 (32 bytes each) of the four unpacked
    /// files, in the order training images, training labels, test images, test labels.
    #[serde(default)]
    pub dataset_sha256: Option<String>,
    /// The share of the test images that the network reads right, from 0 to 1.
    #[serde(default)]
    pub test_accuracy: Option<f64>,
    /// The seed of the run.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The version of this crate that wrote the file.
    #[serde(default)]
    pub version: String,
}

/// The sha256 over all parameters and buffers in the order of their names: each
/// as its name's bytes, a zero byte, then its f32 values little-endian.
///
/// # Errors
/// Those of candle for a copy from a device.
pub fn sha256(parameters: &Parameters) -> Result<String> {
    let mut entries = parameters.entries();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = Sha256::new();
    for entry in &entries {
        hash.update(entry.name.as_bytes());
        hash.update([0]);
        hash.update(bytes_of(&entry.var)?);
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Writes all parameters and buffers to `path`: to a file beside it first, which
/// then takes its place, so that a failure leaves what was there.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn save(path: &Path, parameters: &Parameters, metadata: &Metadata) -> Result<()> {
    let io = |source: std::io::Error| Error::Io {
        path: path.to_owned(),
        source,
    };
    write_whole(path, &to_bytes(parameters, metadata)?).map_err(io)
}

/// What [`save`] writes.
///
/// # Errors
/// Those of candle.
pub fn to_bytes(parameters: &Parameters, metadata: &Metadata) -> Result<Vec<u8>> {
    let entries = parameters.entries();
    let mut data = Vec::with_capacity(entries.len());
    for entry in &entries {
        data.push(if is_counter(entry) {
            let count = entry.var.to_dtype(DType::F32)?.to_vec0::<f32>()? as i64;
            (Dtype::I64, count.to_le_bytes().to_vec())
        } else {
            (Dtype::F32, bytes_of(&entry.var)?)
        });
    }
    let mut views = Vec::with_capacity(entries.len());
    for (entry, (dtype, bytes)) in entries.iter().zip(&data) {
        let view = TensorView::new(*dtype, entry.var.dims().to_vec(), bytes);
        views.push((entry.name.clone(), view.map_err(candle_core::Error::from)?));
    }
    let json = serde_json::to_string(metadata).map_err(candle_core::Error::wrap)?;
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), json)]);
    let bytes = safetensors::serialize(views, Some(metadata));
    Ok(bytes.map_err(candle_core::Error::from)?)
}

/// How a file was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The dtypes in it that were converted to f32: `bf16`, `f16`, `f64`.
    pub converted: Vec<&'static str>,
}

/// A weights file, read once: what it says of itself and what it holds belong
/// together even if the file is replaced meanwhile.
#[derive(Debug)]
pub struct WeightsFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl WeightsFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::NotWeights`] for a file that is too large.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            bytes: read(path)?,
        })
    }

    /// A file that is in memory already, under this name.
    pub fn from_bytes(name: &Path, bytes: Vec<u8>) -> Self {
        Self {
            path: name.to_owned(),
            bytes,
        }
    }

    /// Where it is from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As [`metadata`].
    ///
    /// # Errors
    /// [`Error::NotWeights`].
    pub fn metadata(&self) -> Result<Option<Metadata>> {
        metadata_of(&self.path, &self.bytes)
    }

    /// As [`load`].
    ///
    /// # Errors
    /// [`Error::NotWeights`] and [`Error::Mismatch`].
    pub fn load(&self, parameters: &Parameters) -> Result<Loaded> {
        load_from(&self.path, &self.bytes, parameters)
    }
}

/// What the file's metadata say; `None` for a file that was written elsewhere.
///
/// # Errors
/// [`Error::Io`] and [`Error::NotWeights`].
pub fn metadata(path: &Path) -> Result<Option<Metadata>> {
    WeightsFile::open(path)?.metadata()
}

fn metadata_of(path: &Path, bytes: &[u8]) -> Result<Option<Metadata>> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|e| not_weights(path, bytes, &e))?;
    let own = header
        .metadata()
        .as_ref()
        .and_then(|map| map.get(METADATA_KEY));
    match own.map(|json| serde_json::from_str(json)) {
        None => Ok(None),
        Some(Ok(metadata)) => Ok(Some(metadata)),
        Some(Err(error)) => Err(Error::NotWeights {
            path: path.to_owned(),
            reason: format!("its `{METADATA_KEY}` metadata cannot be read: {error}"),
        }),
    }
}

/// Sets all parameters and buffers from a file, strictly: every tensor there, no
/// other, each with its shape and with finite values, f16, bf16 and f64 converted to f32.
/// Nothing is set before all of it is checked.
///
/// # Errors
/// [`Error::Io`], [`Error::NotWeights`], and [`Error::Mismatch`] that lists
/// everything that is wrong.
pub fn load(path: &Path, parameters: &Parameters) -> Result<Loaded> {
    WeightsFile::open(path)?.load(parameters)
}

fn load_from(path: &Path, bytes: &[u8], parameters: &Parameters) -> Result<Loaded> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| not_weights(path, bytes, &e))?;
    let entries = parameters.entries();
    let fit = fit(&file, &entries).map_err(|problems| Error::Mismatch {
        path: path.to_owned(),
        problems,
    })?;
    for (entry, tensor) in entries.iter().zip(&fit.tensors) {
        entry.var.set(tensor)?;
    }
    Ok(Loaded {
        converted: fit.converted.into_iter().collect(),
    })
}

fn is_counter(entry: &Entry) -> bool {
    entry.name.rsplit('.').next() == Some("num_batches_tracked")
}

pub(crate) fn bytes_of(var: &Var) -> Result<Vec<u8>> {
    let values = var.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    Ok(values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    // Far beyond any model here, far below any machine's memory.
    const LIMIT: u64 = 1 << 28;
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Error::NotWeights {
            path: path.to_owned(),
            reason: format!("it is larger than {} MiB", LIMIT >> 20),
        });
    }
    Ok(bytes)
}

fn not_weights(path: &Path, bytes: &[u8], error: &safetensors::SafeTensorError) -> Error {
    Error::NotWeights {
        path: path.to_owned(),
        reason: foreign::reason(path, bytes, error),
    }
}

/// Writes a file whole or not at all: beside `path`, on the disk, then in its place. A
/// failure, or a crash, leaves what was there.
///
/// # Errors
/// Those of the system.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A link's target is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: the umask takes from it what it takes.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".lenet-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}
