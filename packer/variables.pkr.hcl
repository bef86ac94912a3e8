locals {
  version = var.version
}

variable "version" {
  type        = string
  default     = "0.1.0"
  description = "The version in pyproject.toml."
}

variable "region" {
  type        = string
  default     = "cn-hangzhou"
  description = "Region in which the image is built; it needs gn7i in stock."
}

variable "source_image" {
  type        = string
  default     = "debian_12_11_x64_20G_alibase_20250625.vhd"
  description = "A public Debian 12 image of the region; `aliyun ecs DescribeImages` lists them."
}

variable "instance_type" {
  type        = string
  default     = "ecs.gn7i-c16g1.4xlarge"
  description = "With an A10, so that the driver is installed and the image is tried on the device."
}

variable "copy_regions" {
  type        = list(string)
  default     = []
  description = "Regions to copy the image to."
}

variable "models" {
  type        = string
  default     = "large-v2,large-v3-turbo"
  description = "Weights to put into the image, as scripts/weights.json names them."
}

variable "default_model" {
  type        = string
  default     = "large-v2"
  description = "The model with which the image must transcribe before it is kept."
}

variable "weight_mirrors" {
  type        = string
  default     = ""
  description = "Own mirrors of the weights: URLs with {path}, separated by spaces."
}
