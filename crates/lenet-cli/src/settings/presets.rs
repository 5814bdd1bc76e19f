//! Recipes by name: settings below everything that is given. Each is a file in
//! `recipes/`, so that `--config` and `cargo xtask results` take the same.

use serde::{Deserialize, Serialize};

use super::Settings;

/// A recipe by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Preset {
    /// Batches of 4, Adam, 200 epochs, pixels in [0, 1]
    Article,
    /// LeNet-5 to 99 % in a second or two
    Fast,
    /// lenet5-plus on images drawn anew, ten minutes
    Accurate,
}

impl Preset {
    /// What it sets.
    pub(super) fn settings(self) -> anyhow::Result<Settings> {
        let (name, text) = match self {
            Self::Article => ("article", include_str!("../../recipes/article.toml")),
            Self::Fast => ("fast", include_str!("../../recipes/fast.toml")),
            Self::Accurate => ("accurate", include_str!("../../recipes/accurate.toml")),
        };
        Settings::parse(text, &format!("--preset {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_settings_that_make_sense() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        let mut names = Vec::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            Settings::default()
                .resolve(Settings::read(&path).unwrap())
                .unwrap();
            names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
        for preset in [Preset::Article, Preset::Fast, Preset::Accurate] {
            let preset = preset.settings().unwrap();
            assert_ne!(preset, Settings::default());
        }
        assert!(names.len() >= 7, "{names:?}");
    }
}
