# SPDX-License-Identifier: Apache-2.0
# What is installed, and the Debian package: cmake --build build/release --target package

include(GNUInstallDirs)
install(TARGETS tocsin RUNTIME DESTINATION bin)
install(FILES packaging/tocsin.service DESTINATION lib/systemd/system)
install(FILES packaging/tocsin.yaml DESTINATION /etc/tocsin PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES examples/root-usage/rules/root_activity.yml DESTINATION /etc/tocsin/rules)
file(GLOB manual CONFIGURE_DEPENDS docs/*.md)
install(FILES README.md ${manual} DESTINATION share/doc/tocsin)
install(FILES LICENSE DESTINATION share/doc/tocsin RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tocsin)
set(CPACK_PACKAGE_VENDOR tocsin)
set(CPACK_PACKAGE_CONTACT "The tocsin maintainers <maintainers@tocsin.invalid>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "rule-based security alerting over log streams")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "tocsin evaluates Sigma rules over CloudTrail and other JSON logs, as they
 grow or all at once, and sends alerts to webhooks and chats.")
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/packaging/postinst ${CMAKE_SOURCE_DIR}/packaging/prerm ${CMAKE_SOURCE_DIR}/packaging/postrm
    ${CMAKE_SOURCE_DIR}/packaging/conffiles)
include(CPack)
