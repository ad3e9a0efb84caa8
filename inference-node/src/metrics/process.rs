//! What the system says of this process: `/proc/self` of Linux, 0 where there is none.

use std::fs;

use super::Watched;

/// Ticks of a second, as `/proc` counts them on every architecture of today.
const TICKS: u64 = 100;

/// The process's own metrics.
pub fn watched() -> Vec<Watched> {
    let gauge =
        |name, help, read: fn() -> u64| Watched { name, help, grows: false, read: Box::new(read) };
    vec![
        gauge("memory_resident_bytes", "Memory of this process that is in RAM", || {
            status_number("VmRSS:") << 10
        }),
        gauge("memory_peak_bytes", "The most that was ever in RAM", || {
            status_number("VmHWM:") << 10
        }),
        gauge("threads", "Threads of this process", || status_number("Threads:")),
        gauge("open_files", "Files and sockets that are open", open_files),
        Watched {
            name: "cpu_milliseconds",
            help: "CPU time of this process, on all cores",
            grows: true,
            read: Box::new(cpu_milliseconds),
        },
    ]
}

fn status_number(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

fn open_files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64)
}

/// What this process has taken of the processors.
pub(crate) fn cpu_milliseconds() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold anything.
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = |field| {
        let ticks = after.split_whitespace().nth(field).and_then(|ticks| ticks.parse().ok());
        ticks.unwrap_or(0u64)
    };
    (ticks(11) + ticks(12)) * 1000 / TICKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_threads_and_files() {
        let value = |name: &str| {
            let all = watched();
            let watched = all.iter().find(|watched| watched.name == name).unwrap();
            (watched.read)()
        };
        assert!(value("memory_resident_bytes") > 1 << 20);
        assert!(value("memory_peak_bytes") >= value("memory_resident_bytes") / 2);
        assert!(value("threads") >= 1 && value("open_files") >= 3);
    }
}
