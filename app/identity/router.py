"""Routes of logging in, accounts and API clients."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field

from app.errors import Conflict, InvalidInput, NotFound, TooManyAttempts
from app.etag import NOT_KEPT
from app.identity import login, service
from app.identity.access import OPEN, AdministratorAsking, Asking
from app.identity.account import Account, AccountChanges, ApiClient, NewAccount, NewApiClient
from app.identity.principal import ROLE_LABELS, Role
from app.paging import Page, PageDep, cut
from app.problems import problem_responses
from app.requests import Conn, ServicesDep

router = APIRouter(tags=["身份 Identity"])


class TokenForm(BaseModel):
    """OAuth2 password and refresh grants (RFC 6749 §4.3, §6)."""

    grant_type: Literal["password", "refresh_token"] = "password"
    username: str | None = Field(None, max_length=64)
    password: str | None = None
    refresh_token: str | None = None


class TokenReply(BaseModel):
    """令牌. `expires_in` is the access token's life in seconds."""

    model_config = ConfigDict(from_attributes=True)

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: Literal["bearer"] = "bearer"  # noqa: S105


class Me(BaseModel):
    """本人: who is asking, and for whom it acts."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    kind: Literal["account", "client", "system"]
    roles: list[Role]
    role_labels: dict[Role, str]
    areas: list[str]
    unit: str | None


class NewPassword(BaseModel):
    """新口令."""

    model_config = ConfigDict(extra="forbid")

    password: str = Field(description="10 characters or more, and not the username.")


class NewKey(BaseModel):
    """A new API client and its key, which is shown this once."""

    client: ApiClient
    key: str = Field(description="For the `X-API-Key` header.", examples=["cg_1f2e3d4c5b6a_…"])


@router.post(
    "/auth/token",
    summary="登录或续期 Log in, or renew the tokens",
    dependencies=[NOT_KEPT],
    responses=problem_responses(TooManyAttempts),
    openapi_extra=OPEN,
)
async def token(request: Request, parts: ServicesDep, form: Annotated[TokenForm, Form()]) -> TokenReply:
    """A refresh token works once and gives the next one; used a second time, it ends the whole login."""
    if form.grant_type == "refresh_token":
        if form.refresh_token is None:
            raise InvalidInput("send the refresh token", fields={"refresh_token": "missing"})
        return TokenReply.model_validate(await login.renew(parts, form.refresh_token))
    if form.username is None or form.password is None:
        raise InvalidInput(
            "send username and password", fields={"username": "missing", "password": "missing"}
        )
    address = request.client.host if request.client else None
    pair = await login.log_in(parts, username=form.username, password=form.password, address=address)
    return TokenReply.model_validate(pair)


@router.post("/auth/logout", summary="退出登录 Log out", status_code=204, openapi_extra=OPEN)
async def logout(connection: Conn, refresh_token: Annotated[str, Form()]) -> None:
    """Ends the login the refresh token belongs to, with all its tokens."""
    await login.log_out(connection, refresh_token)


@router.get("/me", summary="本人 Who am I")
async def me(ask: Asking) -> Me:
    """The roles and the scope the caller's requests are judged by."""
    principal = ask.principal
    roles = sorted(principal.roles)
    return Me(
        id=principal.id,
        name=principal.name,
        kind=principal.kind,
        roles=roles,
        role_labels={role: ROLE_LABELS[role] for role in roles},
        areas=list(principal.areas),
        unit=principal.unit,
    )


@router.post(
    "/accounts",
    summary="新建账号 Make an account",
    status_code=201,
    responses=problem_responses(Conflict),
)
async def create_account(ask: AdministratorAsking, new: NewAccount) -> Account:
    """The account's areas must lie within the administrator's own."""
    return await service.add_account(ask.connection, ask.principal, now=ask.now, **new)


@router.get("/accounts", summary="账号列表 Accounts")
async def list_accounts(ask: AdministratorAsking, page: PageDep) -> Page[Account]:
    """Those within the administrator's areas, by username."""
    (after,) = page.after(str) or ("",)
    rows = await service.list_accounts(ask.connection, ask.principal, after=after, limit=page.limit + 1)
    accounts, next_cursor = cut(rows, page.limit, lambda account: (account.username,))
    return Page(items=list(accounts), next_cursor=next_cursor)


@router.get("/accounts/{account_id}", summary="查看账号 An account", responses=problem_responses(NotFound))
async def read_account(ask: AdministratorAsking, account_id: UUID) -> Account:
    return await service.find_account(ask.connection, ask.principal, account_id)


@router.patch(
    "/accounts/{account_id}", summary="修改账号 Change an account", responses=problem_responses(NotFound)
)
async def change_account(ask: AdministratorAsking, account_id: UUID, changes: AccountChanges) -> Account:
    """It counts from the account's next request on, without logging in again."""
    return await service.change_account(ask.connection, ask.principal, account_id, changes, ask.now)


@router.post(
    "/accounts/{account_id}/password",
    summary="重置口令 Reset the password",
    status_code=204,
    responses=problem_responses(NotFound),
)
async def reset_password(ask: AdministratorAsking, account_id: UUID, new: NewPassword) -> None:
    """Ends every login of the account."""
    await service.reset_password(ask.connection, ask.principal, account_id, new.password, ask.now)


@router.post(
    "/api-clients",
    summary="新建接口客户端 Make an API client",
    status_code=201,
    dependencies=[NOT_KEPT],
    responses=problem_responses(Conflict),
)
async def create_client(ask: AdministratorAsking, new: NewApiClient) -> NewKey:
    """The key is shown in this reply only."""
    client, key = await service.add_client(ask.connection, ask.principal, now=ask.now, **new)
    return NewKey(client=client, key=str(key))


@router.get("/api-clients", summary="接口客户端列表 API clients")
async def list_clients(ask: AdministratorAsking, page: PageDep) -> Page[ApiClient]:
    """Those within the administrator's areas, by name; the revoked ones too."""
    (after,) = page.after(str) or ("",)
    rows = await service.list_clients(ask.connection, ask.principal, after=after, limit=page.limit + 1)
    clients, next_cursor = cut(rows, page.limit, lambda client: (client.name,))
    return Page(items=list(clients), next_cursor=next_cursor)


@router.delete(
    "/api-clients/{client_id}",
    summary="撤销接口客户端 Revoke an API client",
    status_code=204,
    responses=problem_responses(NotFound),
)
async def revoke_client(ask: AdministratorAsking, client_id: UUID) -> None:
    """Its key ends at once; the client stays in the list."""
    await service.revoke_client(ask.connection, ask.principal, client_id)
