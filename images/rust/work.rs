// SPDX-License-Identifier: Apache-2.0

//! A program that uses what Rust's library asks of a kernel: threads and all that they wait by, panics that unwind, in
//! the main thread and in others, stacks of chosen sizes, memory that grows, files, sockets. It prints the same wherever
//! it runs.
//!
//!     work            all of it; the exit status is 3
//!     work panic      ends by a panic that nobody catches
//!     work abort      a panic while another unwinds
//!     work overflow   a recursion past the end of a thread's stack

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// A value that the compiler knows nothing of. (std::hint::black_box is newer than Debian 12's compiler.)
fn opaque<T>(value: T) -> T {
    let value = std::mem::ManuallyDrop::new(value);
    unsafe { std::ptr::read_volatile(&*value) }
}

fn is_prime(n: u64) -> bool {
    n > 1 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
}

fn threads() {
    let (send, receive) = mpsc::sync_channel::<u64>(64);
    let total = AtomicU64::new(0);
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for part in 0..8 {
            let (send, total, barrier) = (send.clone(), &total, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for n in (part..40000).step_by(8).filter(|n| is_prime(*n)) {
                    total.fetch_add(n, Ordering::Relaxed);
                    send.send(n).unwrap();
                }
            });
        }
        drop(send);
        let (count, sum) = receive.iter().fold((0, 0), |(count, sum), n| (count + 1, sum + n));
        println!("primes {count} {sum}");
    });
    println!("total {}", total.into_inner());
}

/// A token goes round a ring of threads, by a lock and a condition.
fn ring() {
    let state = Arc::new((Mutex::new(0u32), Condvar::new()));
    let members: Vec<_> = (0..6)
        .map(|me| {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                let mut mine = 0;
                loop {
                    let turn = state.1.wait_while(state.0.lock().unwrap(), |turn| *turn < 3000 && *turn % 6 != me);
                    let mut turn = turn.unwrap();
                    if *turn >= 3000 {
                        return mine;
                    }
                    mine += 1;
                    *turn += 1;
                    state.1.notify_all();
                }
            })
        })
        .collect();
    println!("ring {:?}", members.into_iter().map(|m| m.join().unwrap()).collect::<Vec<u32>>());
}

thread_local! {
    static OWN: Cell<u32> = Cell::new(7);
}

fn waits() {
    let began = Instant::now();
    let (_send, receive) = mpsc::channel::<()>();
    let timeout = receive.recv_timeout(Duration::from_millis(30)) == Err(RecvTimeoutError::Timeout);
    println!("timeout {timeout} {}", began.elapsed() >= Duration::from_millis(30));
    let table = Arc::new(RwLock::new(HashMap::new()));
    let parked = {
        let table = Arc::clone(&table);
        thread::spawn(move || {
            OWN.with(|own| own.set(8));
            while table.read().unwrap().is_empty() {
                thread::park_timeout(Duration::from_secs(10));
            }
            OWN.with(Cell::get)
        })
    };
    thread::sleep(Duration::from_millis(5));
    table.write().unwrap().insert("key", 1);
    parked.thread().unpark();
    println!("parked {} {}", parked.join().unwrap(), OWN.with(Cell::get));
}

fn recursion(n: u64) -> u64 {
    let pad = opaque([n; 16]);
    if n == 0 {
        return 0;
    }
    recursion(n - 1) + pad[(n % 16) as usize] / n
}

fn stacks() {
    let deep = thread::Builder::new().stack_size(64 << 20).name("deep".into());
    println!("depth {}", deep.spawn(|| recursion(30000)).unwrap().join().unwrap());
    let many: Vec<_> =
        (0..100).map(|i| thread::Builder::new().stack_size(128 << 10).spawn(move || recursion(i)).unwrap()).collect();
    println!("small {}", many.into_iter().map(|t| t.join().unwrap()).sum::<u64>());
}

struct Noted<'a>(&'a Cell<u32>);

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() * 10 + 1 + thread::panicking() as u32);
    }
}

fn message(caught: Box<dyn std::any::Any + Send>) -> String {
    match caught.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast_ref::<&str>().unwrap_or(&"no text").to_string(),
    }
}

fn panics() {
    panic::set_hook(Box::new(|info| {
        println!("hook: {} {}", thread::current().name().unwrap_or("none"), info.location().is_some());
    }));
    let list = vec![1, 2, 3];
    let index = opaque(10);
    let zero = opaque(0);
    println!("{}", message(panic::catch_unwind(|| list[index]).unwrap_err()));
    println!("{}", message(panic::catch_unwind(|| list[0] / zero).unwrap_err()));
    let dropped = Cell::new(0);
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let _outer = Noted(&dropped);
        {
            let _inner = Noted(&dropped);
        }
        let _last = Noted(&dropped);
        panic!("thrown with {}", 5);
    }));
    println!("{}, dropped {}", message(caught.unwrap_err()), dropped.get());

    let lock = Arc::new(Mutex::new(1));
    let held = Arc::clone(&lock);
    let thrower = thread::Builder::new().name("thrower".into()).spawn(move || {
        let _held = held.lock().unwrap();
        panic!("in a thread");
    });
    println!("{}, poisoned {}", message(thrower.unwrap().join().unwrap_err()), lock.is_poisoned());
    let ended: usize = (0..50)
        .map(|i| thread::spawn(move || if i % 2 == 0 { panic::resume_unwind(Box::new(i)) } else { i }))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|t| t.join())
        .filter(Result::is_err)
        .count();
    println!("threads that panicked {ended}");
    let _ = panic::take_hook();
}

/// A vector that grows past all thresholds of malloc, and garbage between.
fn memory() {
    let mut words = Vec::new();
    let mut freed = 0usize;
    for n in 0..3_000_000u64 {
        words.push(n);
        if n % 30_000 == 0 {
            freed += opaque(vec![n as u8; 1 << 20]).len();
        }
    }
    let mut sorted: Vec<String> = words.iter().step_by(100).map(|n| format!("{:05}", n * 7919 % 100_003)).collect();
    sorted.sort();
    let lengths: BTreeMap<usize, usize> = sorted.iter().fold(BTreeMap::new(), |mut map, word| {
        *map.entry(word.trim_start_matches('0').len()).or_default() += 1;
        map
    });
    println!("memory {} {freed} {} {lengths:?}", words.iter().sum::<u64>(), sorted[15_000]);
    let refused = Vec::<u8>::new().try_reserve(1 << 46).is_err();
    println!("refused {refused}");
}

fn files() -> io::Result<()> {
    let top = std::env::temp_dir().join(format!("work-{}", std::process::id()));
    fs::create_dir_all(top.join("a/b"))?;
    for n in 0..100 {
        writeln!(BufWriter::new(File::create(top.join(format!("a/b/{n}")))?), "{}", "x".repeat(n))?;
    }
    let size: u64 = fs::read_dir(top.join("a/b"))?.map(|e| e.unwrap().metadata().unwrap().len()).sum();
    let name = top.join("lines");
    fs::write(&name, (0..1000).map(|n| format!("{n}\n")).collect::<String>())?;
    let mut file = OpenOptions::new().read(true).write(true).open(&name)?;
    file.seek(SeekFrom::Start(2))?;
    file.write_all(b"X")?;
    file.set_len(3000)?;
    file.rewind()?;
    let lines: Vec<String> = BufReader::new(file).lines().collect::<io::Result<_>>()?;
    fs::set_permissions(&name, fs::Permissions::from_mode(0o600))?;
    symlink("lines", top.join("link"))?;
    let mode = fs::metadata(top.join("link"))?.permissions().mode() & 0o777;
    println!("files {size} {} {} {mode:o} {:?}", lines.len(), lines[1], fs::read_link(top.join("link"))?);
    println!(
        "{:?} {:?}",
        File::open(top.join("none")).unwrap_err().kind(),
        fs::remove_dir(&top).unwrap_err().raw_os_error()
    );
    fs::remove_dir_all(&top)
}

fn sockets() -> io::Result<()> {
    let (mut here, mut there) = UnixStream::pair()?;
    let echo = thread::spawn(move || io::copy(&mut there.try_clone().unwrap(), &mut there).unwrap());
    let mut writer = here.try_clone()?;
    let wrote = thread::spawn(move || {
        writer.write_all(&vec![42; 1 << 20]).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    here.read_to_end(&mut got)?;
    wrote.join().unwrap();
    println!("echo {} {} {}", echo.join().unwrap(), got.len(), got.iter().all(|b| *b == 42));
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    println!("input {:?}", input.split_whitespace().collect::<Vec<_>>());
    Ok(())
}

struct ThrowsAgain;

impl Drop for ThrowsAgain {
    fn drop(&mut self) {
        panic!("while another unwinds");
    }
}

fn main() -> io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("panic") => panic!("nobody catches"),
        Some("abort") => {
            let _again = ThrowsAgain;
            panic!("first");
        }
        Some("overflow") => {
            let small = thread::Builder::new().name("small".into()).stack_size(256 << 10);
            small.spawn(|| recursion(u64::MAX)).unwrap().join().unwrap();
        }
        _ => {}
    }
    threads();
    ring();
    waits();
    stacks();
    panics();
    memory();
    files()?;
    sockets()?;
    std::process::exit(3)
}
