# The image: Alibaba Cloud's public Debian 12, turned into the product by scripts/install.sh, checked, kept.
#   packer init . && packer build .       needs ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY
source "alicloud-ecs" "image" {
  region                      = var.region
  source_image                = var.source_image
  instance_type               = var.instance_type
  image_name                  = "whisper-${local.version}-${formatdate("YYYYMMDD-hhmm", timestamp())}"
  image_description           = "Whisper web app ${local.version}, models ${var.models}"
  image_copy_regions          = var.copy_regions
  io_optimized                = true
  internet_charge_type        = "PayByTraffic"
  internet_max_bandwidth_out  = 100
  system_disk_mapping {
    disk_category = "cloud_essd"
    disk_size     = 100
  }
  ssh_username   = "root"
  ssh_timeout    = "10m"
  skip_image_validation = false
  tags = {
    product = "whisper"
    version = local.version
  }
}

build {
  sources = ["source.alicloud-ecs.image"]

  # The package, as an upgrade would get it.
  provisioner "shell-local" {
    inline = ["bash '${path.root}/../scripts/package.sh' '${path.root}/build'"]
  }
  provisioner "file" {
    source      = "${path.root}/build/whisper-${local.version}.tar.gz"
    destination = "/var/tmp/whisper.tar.gz"
    generated   = true
  }
  provisioner "shell" {
    environment_vars = ["WHISPER_WEIGHT_MIRRORS=${var.weight_mirrors}"]
    inline = [
      "mkdir -p /root/package",
      "tar -xzf /var/tmp/whisper.tar.gz -C /root/package",
      "/root/package/scripts/install.sh --models '${var.models}' --engines both",
    ]
  }
  # The driver works after a reboot; then the image must transcribe before it is kept.
  provisioner "shell" {
    inline            = ["systemctl reboot"]
    expect_disconnect = true
  }
  provisioner "shell" {
    pause_before = "60s"
    inline       = ["/opt/whisper/current/scripts/try-image.sh '${var.default_model}'"]
  }
  # Last: nothing may write to the disk after it.
  provisioner "shell" {
    inline = ["/opt/whisper/current/scripts/check-image.sh --clean"]
  }
}
