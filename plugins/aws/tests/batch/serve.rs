//! The fake for hosts outside of this program: `SWITCHYARD_FAKE_AWS=127.0.0.1:4566 cargo test -p switchyard-plugin-aws serve -- --ignored`.

use switchyard_cloud_api::fake::aws::{Aws, BUCKET};

#[test]
#[ignore = "serves until it is ended"]
fn serve() {
    let aws = Aws::listen(&std::env::var("SWITCHYARD_FAKE_AWS").unwrap_or_else(|_| "127.0.0.1:4566".into()));
    {
        let mut state = aws.state();
        state.environment("kestraFargateEnvironment", "FARGATE");
        state.queue("kestraJobQueue");
        state.buckets.insert("kestra-product-de".into());
        // With a bucket elsewhere the containers need the real tool.
        state.cli = std::env::var_os("SWITCHYARD_FAKE_AWS_CLI").map(Into::into);
    }
    println!("AWS is at {}, with the bucket {BUCKET}", aws.address());
    loop {
        std::thread::park();
    }
}
