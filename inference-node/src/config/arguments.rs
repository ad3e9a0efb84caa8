//! One line for a refused flag or variable.

use std::env;
use std::error::Error as _;

use clap::Command;
use clap::error::{ContextKind, ContextValue};

/// What is wrong with an argument, on one line that names the flag, or the variable if the value
/// came from there.
pub fn argument_problem(error: &clap::Error, command: &Command) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).filter(|text| !text.is_empty());
    let (Some(argument), Some(value)) =
        (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue))
    else {
        return first_line(&error.to_string());
    };
    let origin = variable(command, &argument, &value).unwrap_or(argument);
    let expected = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(problem), _) => problem.to_string(),
        (None, Some(ContextValue::Strings(values))) => format!("expected {}", values.join(" or ")),
        (None, _) => "expected another value".to_owned(),
    };
    first_line(&format!("{origin}: {value:?}: {expected}"))
}

/// The variable that gave `value` to an argument such as `--listen <ADDRESS>`, if one did.
fn variable(command: &Command, argument: &str, value: &str) -> Option<String> {
    let flag = argument.strip_prefix("--")?.split([' ', '[']).next()?;
    let in_subcommands = command.get_subcommands().find_map(|sub| variable(sub, argument, value));
    in_subcommands.or_else(|| {
        let argument =
            command.get_arguments().find(|argument| argument.get_long() == Some(flag))?;
        let variable = argument.get_env()?.to_str()?;
        // A list is judged one by one.
        let given = env::var(variable).ok()?;
        given.split(',').chain([given.as_str()]).any(|part| part == value).then(|| variable.into())
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
