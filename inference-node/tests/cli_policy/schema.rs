//! `lunette policy schema`.

use crate::machine::Machine;

#[test]
fn the_schemas_are_the_published_files() {
    let machine = Machine::new();
    let policy = machine.run(&["policy", "schema"]).succeeded();
    assert_eq!(policy, include_str!("../../../filter/policy.schema.json"));
    let event = machine.run(&["policy", "schema", "--event"]).succeeded();
    assert_eq!(event, include_str!("../../../filter/event.schema.json"));
}

#[test]
fn every_command_has_help_with_an_example() {
    let machine = Machine::new();
    for command in ["check", "explain", "schema", "snapshot"] {
        let help = machine.run(&["policy", command, "--help"]).succeeded();
        let example = format!("\n  lunette policy {command}");
        assert!(help.contains("Examples:") && help.contains(&example), "{help}");
    }
}
