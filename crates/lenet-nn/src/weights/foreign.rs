//! What a file is that is no safetensors, and how to make one of it.

use std::path::Path;

/// The reason, for a file of these first bytes and with this error of safetensors.
pub(super) fn reason(path: &Path, bytes: &[u8], error: &dyn std::fmt::Display) -> String {
    if bytes.is_empty() {
        return "it is empty: expected safetensors".to_owned();
    }
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    // Python's pickle from protocol 2 on, alone or in the zip that torch.save writes
    // today; before 1.6 it wrote pickles, and before 0.1.10 a tar.
    let pickle = matches!(bytes, [0x80, 2..=5, ..]);
    let zip = bytes.starts_with(b"PK\x03\x04");
    let tar = bytes.get(257..262) == Some(b"ustar");
    match ending.as_str() {
        "npz" | "npy" => "numpy's format: expected safetensors; convert it with \
             safetensors.numpy.save_file"
            .to_owned(),
        _ if pickle || zip || tar => of_pickle(path),
        _ if bytes.starts_with(b"GGUF") => "a GGUF file: expected safetensors".to_owned(),
        "onnx" => {
            "an ONNX graph: expected safetensors; weights are read from those alone".to_owned()
        }
        _ if bytes.starts_with(b"<") => {
            "a web page or XML: expected safetensors; was it downloaded \
             whole?"
                .to_owned()
        }
        _ => format!("expected safetensors ({error})"),
    }
}

/// The one line that converts a PyTorch file.
fn of_pickle(path: &Path) -> String {
    let quoted = |path: &Path| {
        path.display()
            .to_string()
            .replace('\\', "/")
            .replace('\'', "\\'")
    };
    format!(
        "a PyTorch pickle, which can run code when it is read: expected safetensors; convert it \
         with python -c \"import torch, safetensors.torch as s; \
         s.save_file(torch.load('{}', map_location='cpu', weights_only=True), '{}')\"",
        quoted(path),
        quoted(&path.with_extension("safetensors"))
    )
}
