"""Conan 2 recipe: `conan create packaging/conan` in a clone of waggle."""
import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy

required_conan_version = ">=2.0"

# A program exports these, so that the libraries it opens with dlopen() share its tracer.
EXPORTS = ["waggle_abi1_hub", "waggle_abi1_thread"]


class WaggleConan(ConanFile):
    name = "waggle"
    version = "0.1.0"
    description = "A header-only tracing SDK that writes OTLP/JSON to Honeycomb"
    license = "MIT"
    topics = ("tracing", "observability", "opentelemetry", "honeycomb", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"sdk": [True, False]}
    default_options = {"sdk": True}
    no_copy_source = True

    def export_sources(self):
        root = os.path.abspath(os.path.join(self.recipe_folder, os.pardir, os.pardir))
        copy(self, "include/*.hpp", src=root, dst=self.export_sources_folder)
        copy(self, "LICENSE", src=root, dst=self.export_sources_folder)

    def requirements(self):
        if self.options.sdk:
            self.requires("libcurl/[>=7.88 <9]")
            self.requires("zlib/[>=1.2.11 <2]")
            self.requires("nlohmann_json/[>=3.11 <4]")

    def package_id(self):
        self.info.settings.clear()

    def validate(self):
        check_min_cppstd(self, 17)

    def package(self):
        copy(self, "*.hpp", src=os.path.join(self.source_folder, "include"),
             dst=os.path.join(self.package_folder, "include"))
        copy(self, "LICENSE", src=self.source_folder,
             dst=os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "waggle")
        # All components together; by default it would take waggle::waggle's name.
        self.cpp_info.set_property("cmake_target_name", "waggle::all")
        self.describe_light(self.cpp_info.components["light"])
        if self.options.sdk:
            self.describe_sdk(self.cpp_info.components["sdk"])

    def describe_light(self, light):
        light.set_property("cmake_target_name", "waggle::waggle")
        light.set_property("pkg_config_name", "waggle")
        light.bindirs, light.libdirs = [], []
        if self.settings.os == "Linux":
            light.exelinkflags = [f"-Wl,--export-dynamic-symbol={name}" for name in EXPORTS]

    def describe_sdk(self, sdk):
        sdk.set_property("cmake_target_name", "waggle::sdk")
        sdk.set_property("pkg_config_name", "waggle-sdk")
        sdk.includedirs, sdk.bindirs, sdk.libdirs = [], [], []
        sdk.requires = ["light", "libcurl::libcurl", "zlib::zlib", "nlohmann_json::nlohmann_json"]
        if self.settings.os == "Linux":
            sdk.system_libs = ["pthread", "dl"]
