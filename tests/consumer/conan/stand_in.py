#!/usr/bin/env python3
"""Packages waggle by its Conan recipe without Conan, with and without its option, and writes what Conan's
CMakeDeps would write, as far as the recipe uses it.

    stand_in.py FOLDER      fills FOLDER/conan_sdk/elsewhere and FOLDER/conan_light/elsewhere
"""
import fnmatch
import importlib.util
import pathlib
import shutil
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[3]
RECIPE = ROOT / "packaging/conan/conanfile.py"
TARGETS = {"libcurl": "CURL::libcurl", "zlib": "ZLIB::ZLIB", "nlohmann_json": "nlohmann_json::nlohmann_json"}


def copy(_, pattern, src, dst):
    files = [path for path in pathlib.Path(src).rglob("*") if path.is_file()]
    for path in files:
        name = path.relative_to(src)
        if fnmatch.fnmatch(str(name), pattern):
            (dst / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, dst / name)


class Info:
    """Stands for what package_info() fills in."""

    def __init__(self):
        self.properties, self.requires, self.exelinkflags, self.system_libs = {}, [], [], []
        self.includedirs = ["include"]

    def set_property(self, name, value):
        self.properties[name] = value


class Components(dict):
    def __missing__(self, name):
        self[name] = Info()
        return self[name]


def load_recipe():
    sys.dont_write_bytecode = True
    conan = types.ModuleType("conan")
    conan.ConanFile = object
    tools, build, files = (types.ModuleType(f"conan.tools{end}") for end in ("", ".build", ".files"))
    build.check_min_cppstd = lambda recipe, standard: None
    files.copy = lambda recipe, pattern, src, dst: copy(recipe, pattern, src, pathlib.Path(dst))
    sys.modules.update({"conan": conan, "conan.tools": tools, "conan.tools.build": build,
                        "conan.tools.files": files})
    spec = importlib.util.spec_from_file_location("waggle_recipe", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WaggleConan


def package(recipe, folder):
    recipe.recipe_folder = str(RECIPE.parent)
    recipe.export_sources_folder = recipe.source_folder = str(folder / "source")
    recipe.package_folder = str(folder)
    recipe.export_sources()
    recipe.package()
    shutil.rmtree(folder / "source")
    recipe.cpp_info = Info()
    recipe.cpp_info.components = Components()
    recipe.package_info()


def cmake_target(name, components, required):
    if name in components:
        return components[name].properties["cmake_target_name"]
    if name.split("::")[0] not in required:
        raise SystemExit(f"the recipe does not require {name}")
    return TARGETS[name.split("::")[0]]


def write_config(recipe, folder, required):
    components = recipe.cpp_info.components
    lines = ["find_package(CURL)", "find_package(ZLIB)", "find_package(nlohmann_json CONFIG)"]
    for info in components.values():
        target = info.properties["cmake_target_name"]
        links = [cmake_target(name, components, required) for name in info.requires] + info.system_libs
        includes = [str(folder / name) for name in info.includedirs]
        flags = "$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:" + "$<SEMICOLON>".join(info.exelinkflags) + ">"
        lines += [f"add_library({target} INTERFACE IMPORTED)",
                  f'set_target_properties({target} PROPERTIES INTERFACE_LINK_LIBRARIES "{";".join(links)}"',
                  f'  INTERFACE_INCLUDE_DIRECTORIES "{";".join(includes)}" INTERFACE_LINK_OPTIONS "{flags}")']
    name = recipe.cpp_info.properties["cmake_file_name"]
    (folder / f"{name}Config.cmake").write_text("\n".join(lines) + "\n")


def main():
    for name, sdk in (("conan_sdk", True), ("conan_light", False)):
        folder = pathlib.Path(sys.argv[1]) / name / "elsewhere"
        recipe, required = load_recipe()(), []
        recipe.options = types.SimpleNamespace(sdk=sdk)
        recipe.settings = types.SimpleNamespace(os="Linux")
        recipe.requires = lambda reference: required.append(reference.split("/")[0])
        recipe.requirements()
        package(recipe, folder)
        write_config(recipe, folder, required)


if __name__ == "__main__":
    main()
