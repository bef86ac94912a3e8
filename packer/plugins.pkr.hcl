# For packer 1.7 and newer (`packer init`); older ones have the builder inside and cannot read this file.
packer {
  required_version = ">= 1.7.0"
  required_plugins {
    alicloud = {
      version = "~> 1.1"
      source  = "github.com/hashicorp/alicloud"
    }
  }
}
