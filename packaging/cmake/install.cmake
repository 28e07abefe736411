# What `cmake --install` lays down: the headers, a package for find_package(), and two files for
# pkg-config. All of it is text that fits any machine, so it goes where no architecture is named, finds
# itself by its own place, and needs none of the libraries of waggle::sdk while it is installed.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/waggle
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# ---- find_package(waggle) --------------------------------------------------------------------------

set(package ${CMAKE_INSTALL_DATADIR}/cmake/waggle)
install(TARGETS waggle EXPORT waggleTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT waggleTargets NAMESPACE waggle:: DESTINATION ${package})

# By semantic versioning, 0.x releases may break with each x.
set(compatible SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatible SameMinorVersion)
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/waggleConfigVersion.cmake
  COMPATIBILITY ${compatible} ARCH_INDEPENDENT)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/cmake/waggleConfig.cmake
  ${PROJECT_SOURCE_DIR}/packaging/cmake/waggleLibraries.cmake ${PROJECT_BINARY_DIR}/waggleConfigVersion.cmake
  DESTINATION ${package})

# ---- pkg-config ------------------------------------------------------------------------------------

file(RELATIVE_PATH prefix_from_here ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH include_from_prefix ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
string(REGEX REPLACE "/$" "" prefix_from_here ${prefix_from_here})
foreach(name waggle waggle-sdk)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
endforeach()
