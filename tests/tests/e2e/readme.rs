//! What README and docs/ tell people to type, typed.

use std::process::Stdio;

use callout_testkit::PATIENCE;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::system::binary;

const README: &str = include_str!("../../../README.md");

/// The shell examples that call the API.
fn examples() -> Vec<&'static str> {
    let blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.filter(|block| block.contains("curl")).collect()
}

#[tokio::test]
async fn the_examples_of_the_readme_work() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Command::new(binary())
        .args(["up", "--demo", "--listen", "127.0.0.1:0"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().unwrap().replace("ready ", "");
    let set_up = async { while !lines.next_line().await.unwrap().unwrap().contains("are printed here") {} };
    tokio::time::timeout(PATIENCE, set_up).await.expect("the example is set up in time");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

    let mut alert_id = String::new();
    let examples = examples();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let script = example
            .replace("http://127.0.0.1:8080", &url)
            .replace("ALERT_ID", &alert_id)
            .replace("curl ", "curl --silent --show-error --fail ");
        let output =
            Command::new("sh").args(["-e", "-c", &script]).current_dir(directory.path()).output().await;
        let output = output.unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}\n{shown}{errors}");
        if let Some(id) = shown.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()) {
            id.clone_into(&mut alert_id);
        }
    }
}
