//! Compiles `proto/` without protoc: protox reads the files, tonic generates from what it read, and
//! the same descriptor set, comments included, is what reflection serves.

use prost::Message;
use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join("cx/v1"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true).open_files(&files)?;
    let set = compiler.file_descriptor_set();
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("cx.v1.bin"), set.encode_to_vec())?;

    tonic_prost_build::configure()
        // Like tonic's own, but undecodable bytes are the caller's fault and say so.
        .codec_path("crate::grpc::codec::Codec")
        .btree_map(".cx.v1.Customer.attributes")
        .compile_fds(set)?;
    Ok(())
}
