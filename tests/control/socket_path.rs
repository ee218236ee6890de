//! Where the socket stands: its mode, what is left of a dead owner, and state directories with long paths.

use howdah::control::{bind, connect};
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

async fn carries_bytes(state: &Path, listener: &UnixListener) {
    let mut client = connect(state).unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(b"over").await.unwrap();
    let mut heard = [0; 4];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"over");
}

#[tokio::test]
async fn the_socket_is_for_its_user_alone() {
    let state = tempfile::tempdir().unwrap();
    let listener = bind(state.path()).unwrap();
    let metadata = fs::metadata(state.path().join("control.sock")).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    carries_bytes(state.path(), &listener).await;
}

#[tokio::test]
async fn what_a_dead_owner_left_is_replaced() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(connect(state.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
    drop(bind(state.path()).unwrap());
    assert!(state.path().join("control.sock").exists(), "a killed owner cannot remove it");
    assert_eq!(connect(state.path()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let listener = bind(state.path()).unwrap();
    carries_bytes(state.path(), &listener).await;
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("control.sock");
    let elsewhere = state.path().join("elsewhere");
    fs::write(&path, "mine").unwrap();
    let error = bind(state.path()).unwrap_err().to_string();
    assert!(error.contains("control.sock is not a socket") && error.contains("move it"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(bind(state.path()).unwrap_err().to_string().contains("not a socket"));
    assert!(!elsewhere.exists(), "it listens behind a link");
}

#[tokio::test]
async fn a_state_directory_may_have_a_long_path() {
    let place = tempfile::tempdir().unwrap();
    // Around the 108 bytes that an address holds with the zero byte at its end, and far above.
    let base = place.path().as_os_str().len() + "/".len() + "/control.sock".len();
    for length in [106, 107, 108, 109, 130, 3000] {
        let mut state: PathBuf = place.path().to_owned();
        let mut left = length - base + "/".len();
        while left > 0 {
            // A directory of 201 bytes, slash included, leaves at least one for the next.
            let part = if left > 202 { 201 } else { left };
            state.push("d".repeat(part - 1));
            left -= part;
        }
        fs::create_dir_all(&state).unwrap();
        assert_eq!(state.join("control.sock").as_os_str().len(), length);
        let listener = bind(&state).unwrap_or_else(|error| panic!("{length} bytes: {error}"));
        assert_eq!(fs::metadata(state.join("control.sock")).unwrap().permissions().mode() & 0o777, 0o600);
        carries_bytes(&state, &listener).await;
        drop(listener);
        bind(&state).unwrap_or_else(|error| panic!("{length} bytes, again: {error}"));
    }
}
