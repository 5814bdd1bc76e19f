//! `cargo xtask`: the project's own commands, in plain Rust without a dependency,
//! so that it compiles in a second.
//!
//! Each command is a module: [`train`] builds the program and becomes it, [`ci`]
//! runs every check in order, [`tidy`] holds the checks that no other tool makes.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for the terminal: printing is its job"
)]

mod browser;
mod ci;
mod cuda;
mod json;
mod package;
mod peers;
mod tidy;
mod train;
mod workspace;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use workspace::{Failure, Workspace};

const HELP: &str = "\
The project's own commands.

Usage: cargo xtask [--features F] train [ARGS]   build in release, then run `lenet train ARGS`
       cargo xtask [--features F] lenet [ARGS]   the same for any other subcommand of `lenet`
       cargo xtask ci [STEP]...                  every check, cheapest first, or only these
       cargo xtask ci --except STEP...           every check but these
       cargo xtask ci --list                     what the steps are
       cargo xtask tidy                          the layering and house rules
       cargo xtask results --recipe NAME [ARGS]  ten seeds of a recipe, as docs/results.md has it
       cargo xtask bench [ARGS]                  ours, candle and the peers side by side (`--help` says more)

Options:
  --features F   cargo features to build `lenet` with: `cuda`, `hub`
  -h, --help     this text (`cargo xtask train --help` is that of `lenet train`)

Exit codes: that of the program that was run; 1 where a build or a check failed; 2 usage.
";

fn main() -> ExitCode {
    match run(env::args_os().skip(1).collect()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: Vec<OsString>) -> Result<ExitCode, Failure> {
    let invocation = parse(args)?;
    let workspace = Workspace::find();
    match invocation {
        Invocation::Help => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Lenet { features, args } => {
            train::build_and_run(&workspace, features.as_deref(), &args)
        }
        Invocation::Bench(args) => train::bench(&workspace, &args),
        Invocation::Ci(selection) => ci::run(&workspace, &selection),
        Invocation::Tidy => {
            tidy::run(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What was asked for.
#[derive(Debug, PartialEq)]
enum Invocation {
    Help,
    /// Run `lenet` with these arguments, built with these cargo features.
    Lenet {
        features: Option<OsString>,
        args: Vec<OsString>,
    },
    /// Run the benches with these arguments.
    Bench(Vec<OsString>),
    Ci(ci::Selection),
    Tidy,
}

fn parse(args: Vec<OsString>) -> Result<Invocation, Failure> {
    let mut args = args.into_iter().peekable();
    let mut features = None;
    let command = loop {
        let Some(arg) = args.next() else {
            return Err(usage("a command is missing"));
        };
        match arg.to_str() {
            Some("-h" | "--help" | "help") => return Ok(Invocation::Help),
            Some("--features") => match args.next() {
                Some(value) => features = Some(value),
                None => return Err(usage("`--features` needs a value, for example `hub`")),
            },
            Some(flag) if flag.starts_with("--features=") => {
                features = flag.strip_prefix("--features=").map(OsString::from);
            }
            _ => break arg,
        }
    };
    let mut rest: Vec<OsString> = args.collect();
    match command.to_str() {
        Some("train") => {
            rest.insert(0, "train".into());
            Ok(Invocation::Lenet {
                features,
                args: rest,
            })
        }
        Some("results") => Ok(Invocation::Lenet {
            features,
            args: results(rest)?,
        }),
        Some("lenet") => Ok(Invocation::Lenet {
            features,
            args: rest,
        }),
        Some(name @ ("bench" | "ci" | "tidy")) if features.is_some() => Err(usage(&format!(
            "`--features` goes with `train` and `lenet`, not with `{name}`"
        ))),
        Some("ci" | "tidy") if rest.iter().any(|arg| arg == "-h" || arg == "--help") => {
            Ok(Invocation::Help)
        }
        Some("bench") => Ok(Invocation::Bench(rest)),
        Some("ci") => ci::Selection::parse(&rest).map(Invocation::Ci),
        Some("tidy") if rest.is_empty() => Ok(Invocation::Tidy),
        Some("tidy") => Err(usage("`tidy` takes no arguments")),
        _ => Err(usage(&format!(
            "unknown command `{}`: `train`, `lenet`, `bench`, `ci` or `tidy`",
            command.display()
        ))),
    }
}

fn usage(message: &str) -> Failure {
    Failure::Usage(format!("{message} (see `cargo xtask --help`)"))
}

/// `--recipe NAME ARGS` as the sweep that repeats the recipe's figures.
fn results(args: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let mut args = args.into_iter();
    let recipe = match args.next() {
        Some(flag) if flag == "--recipe" => args.next(),
        Some(flag) => flag
            .to_str()
            .and_then(|f| f.strip_prefix("--recipe="))
            .map(Into::into),
        None => None,
    };
    let Some(recipe) = recipe.as_ref().and_then(|name| name.to_str()) else {
        return Err(usage("`results` needs --recipe and a recipe's name first"));
    };
    let folder = Workspace::find().root().join("crates/lenet-cli/recipes");
    let file = folder.join(format!("{recipe}.toml"));
    if !file.is_file() {
        return Err(usage(&format!(
            "no recipe `{recipe}` in {}",
            folder.display()
        )));
    }
    let sweep = ["sweep".into(), "--config".into(), file.into_os_string()];
    Ok(sweep.into_iter().chain(args).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Invocation, Failure> {
        parse(line.split_whitespace().map(OsString::from).collect())
    }

    fn lenet(features: Option<&str>, args: &[&str]) -> Invocation {
        Invocation::Lenet {
            features: features.map(OsString::from),
            args: args.iter().map(OsString::from).collect(),
        }
    }

    #[test]
    fn everything_behind_train_belongs_to_lenet() {
        let expected = lenet(None, &["train", "--features", "x", "--help"]);
        assert_eq!(parsed("train --features x --help").unwrap(), expected);
    }

    #[test]
    fn features_before_the_command_belong_to_cargo() {
        let expected = lenet(Some("hub"), &["eval", "--json"]);
        assert_eq!(
            parsed("--features hub lenet eval --json").unwrap(),
            expected
        );
        assert_eq!(
            parsed("--features=hub lenet eval --json").unwrap(),
            expected
        );
    }

    #[test]
    fn everything_behind_bench_belongs_to_the_benches() {
        let args = ["--json", "--help"].map(OsString::from).to_vec();
        assert_eq!(
            parsed("bench --json --help").unwrap(),
            Invocation::Bench(args)
        );
    }

    #[test]
    fn help_is_ours_only_before_the_command() {
        assert_eq!(parsed("--help").unwrap(), Invocation::Help);
        assert_eq!(parsed("ci --help").unwrap(), Invocation::Help);
        assert_eq!(parsed("lenet --help").unwrap(), lenet(None, &["--help"]));
    }

    #[test]
    fn a_wrong_line_is_a_usage_error() {
        for line in ["", "trian", "--features", "--features hub ci", "tidy now"] {
            assert!(
                matches!(parsed(line), Err(Failure::Usage(_))),
                "`{line}` was accepted"
            );
        }
    }

    #[test]
    fn results_are_a_sweep_of_a_recipe_that_there_is() {
        let words = |line: &str| line.split_whitespace().map(OsString::from).collect();
        let args = results(words("--recipe fast --seeds 3")).unwrap();
        assert_eq!(
            [&args[0], &args[1], &args[3], &args[4]],
            ["sweep", "--config", "--seeds", "3"]
        );
        assert!(args[2].to_string_lossy().ends_with("fast.toml"));
        assert!(results(words("--recipe=accurate")).is_ok());
        for line in ["", "--recipe", "--recipe none", "fast"] {
            assert!(
                matches!(results(words(line)), Err(Failure::Usage(_))),
                "{line}"
            );
        }
    }
}
