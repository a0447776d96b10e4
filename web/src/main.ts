import { mount } from "svelte";
import { takeToken } from "./api/token";
import Page from "./Page.svelte";
import "./styles/tokens.css";
import "./styles/base.css";

const target = document.getElementById("page");
if (target) mount(Page, { target, props: { token: takeToken() } });
