//! What the kernel says of this process.

use std::{fs, time::Duration};

/// CPU time used so far, in user and kernel mode, in steps of 10 ms.
pub(crate) fn cpu() -> Duration {
    // proc(5): fields 14 and 15, counted from behind the command's closing parenthesis; a hundred ticks a second.
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let behind = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 = behind.split_whitespace().skip(11).take(2).map(|text| text.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// The most memory that was ever resident, in megabytes.
pub(crate) fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
